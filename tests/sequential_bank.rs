//! Banks of sites: policies against each other on counts and on additive noise, visits, and refusals.

use dosewise::Error;
use dosewise::metric::QualityCurve;
use dosewise::sequential::{
    Allocation, BankDesign, BankView, Beliefs, DistilledSensing, FixedDwell, GittinsTable,
    IndexAllocation, InformationTable, Layout, Neighbours, Order, Racing, SequentialRaster,
    SequentialTest, SiteModel, Visit, Worth,
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
                bank.run(&mut IndexAllocation::new(&table))
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
                bank.run(&mut IndexAllocation::new(&table))
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
        refused(IndexAllocation::new(&table).capped(bad), "dose");
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
