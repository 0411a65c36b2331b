//! Banks of sites: policies against each other on counts and on additive noise, visits, and refusals.

use dosewise::Error;
use dosewise::metric::QualityCurve;
use dosewise::sequential::{
    Allocation, BankDesign, BankView, Beliefs, DistilledSensing, FixedDwell, GittinsTable,
    IndexAllocation, InformationTable, Layout, Neighbours, Order, Racing, SequentialRaster,
    SequentialTest, SiteIndex, SiteModel, Visit, Worth,
};
use dosewise::units::Seed;

fn mean_area(design: &BankDesign, make: &dyn Fn() -> Box<dyn Allocation>) -> f64 {
    let run = |seed| {
        design
            .bank(Seed(seed))
            .unwrap()
            .run(make().as_mut())
            .unwrap()
    };
    (0..4)
        .map(|seed| QualityCurve::dec_auc(&run(seed)))
        .sum::<f64>()
        / 4.0
}

#[test]
fn adaptive_dwell_pays_for_counts_and_for_additive_noise_alike() {
    for site in [
        SiteModel::poisson(1.0, 0.6).unwrap(),
        SiteModel::gaussian(1.0, 0.6, 0.8).unwrap(),
    ] {
        let design = BankDesign::new(400, 0.05, site)
            .unwrap()
            .mean_dose(40.0)
            .unwrap();
        let test = SequentialTest::by_posterior(0.01, 0.99).unwrap();
        let fixed = mean_area(&design, &|| {
            Box::new(FixedDwell::single_pass(Order::Raster, 1.0).unwrap())
        });
        let raster = mean_area(&design, &|| {
            Box::new(SequentialRaster::new(test, 4.0).unwrap())
        });
        let racing = mean_area(&design, &|| Box::new(Racing::new(test)));
        let distilled = mean_area(&design, &|| {
            Box::new(DistilledSensing::new(4, 0.5).unwrap())
        });
        let table = GittinsTable::new(&site, Worth::Detection, 4.0, 100).unwrap();
        let index = (0..4)
            .map(|seed| {
                let bank = design.bank(Seed(seed)).unwrap();
                bank.run(&mut IndexAllocation::new(&table, &design).unwrap())
                    .unwrap()
                    .dec_auc()
            })
            .sum::<f64>()
            / 4.0;
        for (name, area) in [
            ("raster", raster),
            ("racing", racing),
            ("distilled", distilled),
            ("index", index),
        ] {
            assert!(area > 1.2 * fixed, "{name} {area} {fixed} {site:?}");
        }
    }
}

#[test]
fn a_policy_serves_a_second_bank_as_it_did_the_first() {
    let site = SiteModel::poisson(1.0, 0.6).unwrap();
    let design = BankDesign::new(100, 0.1, site)
        .and_then(|d| d.mean_dose(40.0))
        .unwrap();
    let test = SequentialTest::by_posterior(0.01, 0.99).unwrap();
    let mut policies: Vec<Box<dyn Allocation>> = vec![
        Box::new(FixedDwell::single_pass(Order::Raster, 1.0).unwrap()),
        Box::new(FixedDwell::multi_pass(Order::Raster, 1, 1.0).unwrap()),
        Box::new(SequentialRaster::new(test, 1.0).unwrap()),
        Box::new(Racing::new(test)),
        Box::new(DistilledSensing::new(4, 0.5).unwrap()),
    ];
    for policy in &mut policies {
        let bank = design.bank(Seed(1)).unwrap();
        let first = bank.run(policy.as_mut()).unwrap();
        let again = bank.run(policy.as_mut()).unwrap();
        assert!(first.final_quality() > 0.0);
        assert_eq!(first.dec_auc(), again.dec_auc());
        assert_eq!(first.final_quality(), again.final_quality());
    }
}

#[test]
fn banks_of_two_and_three_sites_are_raced() {
    let site = SiteModel::poisson(1.0, 0.5).unwrap();
    for sites in [2, 3] {
        let design = BankDesign::new(sites, 0.4, site).unwrap();
        let mut beliefs = Beliefs::new(&design);
        let mut racing = Racing::new(SequentialTest::by_posterior(0.01, 0.99).unwrap());
        while beliefs.view().left() > 0 {
            let visits = racing.next(beliefs.view());
            assert!(!visits.is_empty());
            for visit in visits {
                beliefs.observe(visit.site, 3.0).unwrap();
            }
        }
    }
}

#[test]
fn an_index_is_served_in_its_own_quanta_and_visits() {
    let site = SiteModel::poisson(1.0, 0.6).unwrap();
    let design = BankDesign::new(40, 0.1, site).unwrap();
    let table = InformationTable::new(&site, Worth::Detection, 4.0, &[1, 2, 4, 8]).unwrap();
    let other = design.clone().quantum(8.0).unwrap();
    match IndexAllocation::new(&table, &other) {
        Err(Error::Argument { argument, .. }) => assert_eq!(argument, "table"),
        other => panic!("{other:?}"),
    }
    let mut policy = IndexAllocation::new(&table, &design)
        .unwrap()
        .whole_visits();
    let mut beliefs = Beliefs::new(&design);
    let best = table.best_visit(beliefs.view().log_odds()[0], 0.0).quanta;
    assert!(best > 1);
    let visits = policy.next(beliefs.view());
    assert!(!visits.is_empty() && visits.iter().all(|visit| visit.quanta == best));
}

#[test]
fn two_cells_of_the_table_of_the_prototype_are_met() {
    // Mean DEC-AUC and standard error over 20 banks of an independent program: 64 × 64 sites, c = 0.3, π = 1 %, b = 64.
    let site = SiteModel::poisson(1.0, 0.7).unwrap();
    let design = BankDesign::new(4096, 0.01, site)
        .and_then(|d| d.mean_dose(64.0))
        .unwrap();
    let table =
        InformationTable::new(&site, Worth::Information, 4.0, &[1, 2, 4, 8, 16, 32]).unwrap();
    let mut raster = FixedDwell::single_pass(Order::Raster, 1.0).unwrap();
    let mut index = IndexAllocation::new(&table, &design).unwrap();
    let policies: [(&mut dyn Allocation, f64, f64); 2] =
        [(&mut raster, 0.2383, 0.0103), (&mut index, 0.6697, 0.0103)];
    for (policy, expected, error) in policies {
        let areas: Vec<f64> = (1000..1006)
            .map(|seed| {
                let bank = design.bank(Seed(seed)).unwrap();
                bank.run(policy).unwrap().dec_auc()
            })
            .collect();
        let n = areas.len() as f64;
        let mean = areas.iter().sum::<f64>() / n;
        // The spread between banks is that of the 20.
        let apart = (mean - expected) / (error * (1.0 + 20.0 / n).sqrt());
        assert!(apart.abs() < 4.0, "{mean} {expected}: {apart}");
    }
}

/// Goes on where the beam rests, one quantum at a time.
struct Stay;
impl Allocation for Stay {
    fn next(&mut self, bank: BankView<'_>) -> Vec<Visit> {
        let quanta = bank.shortest_visit(3);
        assert_eq!(quanta, if bank.spent() == 0 { 8 } else { 1 });
        vec![Visit { site: 3, quanta }]
    }
}

/// Asks for this visit.
struct Ask(Visit);
impl Allocation for Ask {
    fn next(&mut self, _: BankView<'_>) -> Vec<Visit> {
        vec![self.0]
    }
}

#[test]
fn a_visit_may_be_prolonged_but_not_begun_below_the_shortest() {
    let site = SiteModel::poisson(1.0, 0.6).unwrap();
    let design = BankDesign::new(20, 0.2, site)
        .and_then(|d| d.smallest_visit(8))
        .unwrap();
    let bank = design.bank(Seed(2)).unwrap();
    bank.run(&mut Stay).unwrap();
    for visit in [
        Visit {
            site: 20,
            quanta: 8,
        },
        Visit { site: 0, quanta: 7 },
        Visit { site: 0, quanta: 0 },
    ] {
        match bank.run(&mut Ask(visit)) {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, "visit"),
            other => panic!("{visit:?}: {other:?}"),
        }
    }
    // What exceeds the budget is cut off, however long.
    bank.run(&mut Ask(Visit {
        site: 1,
        quanta: usize::MAX,
    }))
    .unwrap();
}

#[test]
fn beliefs_follow_readings_from_anywhere() {
    let site = SiteModel::gaussian(0.0, 1.0, 2.0).unwrap();
    let design = BankDesign::new(4, 0.25, site)
        .and_then(|d| d.quantum(3.0))
        .unwrap();
    let mut beliefs = Beliefs::new(&design);
    let prior = beliefs.view().log_odds()[2];
    assert!((prior - (1.0_f64 / 3.0).ln()).abs() < 1e-12);
    beliefs.observe(2, 2.5).unwrap();
    beliefs.observe(2, 1.0).unwrap();
    // Σ (y − λ d/2) Δ/v over the visits.
    assert!((beliefs.view().log_odds()[2] - prior - (3.5 - 3.0) / 2.0).abs() < 1e-12);
    let view = beliefs.view();
    assert_eq!((view.served(), view.spent()), (&[0, 0, 2, 0][..], 2));
    assert_eq!(beliefs.filter(2).unwrap().visits(), 2);
    assert!(beliefs.observe(4, 0.0).is_err() && beliefs.observe(0, f64::NAN).is_err());
    assert_eq!(beliefs.view().spent(), 2);
}

#[test]
fn neighbours_asked_afresh_find_clusters_sooner_than_lingering_beliefs() {
    let site = SiteModel::poisson(1.0, 0.7).unwrap();
    let design = BankDesign::new(4096, 0.01, site)
        .and_then(|d| d.mean_dose(16.0))
        .and_then(|d| d.layout(Layout::Clustered))
        .unwrap();
    let table = GittinsTable::new(&site, Worth::Detection, 4.0, 200).unwrap();
    let [afresh, lingering] = [Neighbours::Afresh, Neighbours::Lingering].map(|neighbours| {
        let design = design.clone().neighbours(neighbours);
        (0..2)
            .map(|seed| {
                let bank = design.bank(Seed(seed)).unwrap();
                bank.run(&mut IndexAllocation::new(&table, &design).unwrap())
                    .unwrap()
                    .dec_auc()
            })
            .sum::<f64>()
    });
    assert!(afresh > lingering, "{afresh} {lingering}");
}

#[test]
fn settings_without_meaning_are_refused_by_name() {
    fn refused<T: std::fmt::Debug>(result: Result<T, Error>, name: &str) {
        match result {
            Err(Error::Argument { argument, .. }) => assert_eq!(argument, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    let site = SiteModel::poisson(1.0, 0.6).unwrap();
    let test = SequentialTest::by_posterior(0.01, 0.99).unwrap();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(FixedDwell::single_pass(Order::Raster, bad), "dwell");
        refused(FixedDwell::multi_pass(Order::Raster, 1, bad), "share");
        refused(SequentialRaster::new(test, bad), "longest");
        refused(DistilledSensing::new(4, bad), "keep");
        let table = GittinsTable::new(&site, Worth::Detection, 4.0, 1).unwrap();
        let policy = BankDesign::new(10, 0.1, site)
            .and_then(|design| IndexAllocation::new(&table, &design)?.capped(bad));
        refused(policy, "dose");
        refused(
            GittinsTable::new(&site, Worth::Detection, bad, 1),
            "quantum",
        );
        refused(BankDesign::new(10, bad, site), "prior");
    }
    let endless = InformationTable::new(&site, Worth::Information, 4.0, &[1, usize::MAX]);
    refused(endless, "visit");
    refused(
        GittinsTable::new(&site, Worth::Detection, 1e300, 1),
        "visit",
    );
    refused(FixedDwell::multi_pass(Order::Raster, 0, 1.0), "quanta");
    refused(DistilledSensing::new(0, 0.5), "rounds");
    refused(BankDesign::new(1, 0.5, site), "sites");
    let design = BankDesign::new(99, 0.5, site).unwrap();
    refused(design.clone().layout(Layout::Clustered), "sites");
    refused(design.clone().mean_dose(f64::NAN), "mean_dose");
    refused(design.smallest_visit(0), "quanta");
}
