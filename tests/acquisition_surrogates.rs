//! Surrogates of the user's own that answer with too little, or with what is no number, are refused and never a panic.

use dosewise::Result;
use dosewise::acquisition::{
    Acquisition, BatchExpectedImprovement, BatchSearch, CostModel, ExpectedImprovement, Field,
    FieldBatch, FieldCriterion, IntegratedVarianceReduction, KnowledgeGradient, Limit,
    LocalPenalty, MaxValueEntropy, MeanGradient, MonteCarlo, Offers, Outcomes, PosteriorVariance,
    Rollout, SafeExploration, gradient, scores, thompson,
};
use dosewise::gp::{Joint, Marginals, Slopes, Surrogate};
use dosewise::units::Seed;
use ndarray::{Array2, ArrayView2, array};

/// Independent values of mean 0 and variance 1, in a way that is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Broken {
    Short,
    Empty,
    NotANumber,
    Infinite,
}

impl Broken {
    fn count(self, wanted: usize) -> usize {
        match self {
            Self::Short => wanted - 1,
            Self::Empty => 0,
            _ => wanted,
        }
    }

    fn variance(self) -> f64 {
        match self {
            Self::NotANumber => f64::NAN,
            Self::Infinite => f64::INFINITY,
            _ => 1.0,
        }
    }
}

impl Surrogate for Broken {
    fn dimension(&self) -> usize {
        1
    }

    fn marginals(&self, points: ArrayView2<'_, f64>) -> Result<Marginals> {
        let count = self.count(points.nrows());
        Ok(Marginals {
            mean: vec![0.0; count],
            variance: vec![self.variance(); count],
        })
    }

    fn joint(&self, points: ArrayView2<'_, f64>) -> Result<Joint> {
        let count = self.count(points.nrows());
        Ok(Joint {
            mean: vec![0.0; count],
            covariance: Array2::eye(count) * self.variance(),
        })
    }

    fn slopes(&self, point: &[f64]) -> Result<Slopes> {
        Ok(Slopes {
            mean: 0.0,
            variance: self.variance(),
            of_mean: vec![0.0; self.count(point.len())],
            of_variance: vec![0.0; self.count(point.len())],
        })
    }
}

fn refused<T>(answer: Result<T>, what: &str) {
    let error = answer
        .err()
        .unwrap_or_else(|| panic!("{what} is let through"));
    assert!(
        error.to_string().starts_with("surrogate"),
        "{what}: {error}"
    );
}

#[test]
fn wrong_answers_are_refused_wherever_they_are_asked_for() {
    let places = array![[0.0], [1.0], [2.0]];
    let offers = Offers::with_shot_noise(places.view(), &[1.0, 4.0], 0.1).unwrap();
    let improvement = ExpectedImprovement::over(0.0).unwrap();
    for broken in [
        Broken::Short,
        Broken::Empty,
        Broken::NotANumber,
        Broken::Infinite,
    ] {
        let surrogate = &broken as &dyn Surrogate;
        let field = Field {
            surrogate,
            targets: places.view(),
            offers: &offers,
        };
        let criteria: [(&str, Box<dyn FieldCriterion>); 5] = [
            ("each place", Box::new(improvement.at_each_place())),
            ("variance", Box::new(IntegratedVarianceReduction)),
            ("knowledge gradient", Box::new(KnowledgeGradient)),
            ("mean gradient", Box::new(MeanGradient::default())),
            ("rollout", Box::new(Rollout::new(9.0, 2).unwrap())),
        ];
        for (name, criterion) in criteria {
            refused(scores(&criterion, &field), name);
        }
        refused(thompson(surrogate, places.view(), 3, Seed(0)), "thompson");
        refused(
            MaxValueEntropy::gumbel(surrogate, places.view(), 3, Seed(0)),
            "max value",
        );
        refused(
            CostModel::new(surrogate).predict(places.view()),
            "cost model",
        );
        let safe = SafeExploration::new(vec![Limit::AtLeast(0.0)], 2.0).unwrap();
        refused(
            safe.sets(surrogate, &[surrogate], places.view(), &[0]),
            "safe exploration",
        );
        let several = FieldBatch::new(field, 2).unwrap();
        let beside = several.clone().with_pending(&array![[3.0]], &[0.1]);
        let penalty = LocalPenalty::new(1.0).unwrap();
        let known = penalty.with_lipschitz(1.0).unwrap();
        let rule = improvement.at_each_place();
        for batch in [several, beside.unwrap()] {
            refused(batch.penalised(&rule, &penalty), "penalised");
            refused(batch.penalised(&rule, &known), "penalised with a slope");
            let again = batch.sequential(|_| Ok(rule), 0.0, Outcomes::Expected);
            refused(again, "sequential");
        }
        let search = BatchSearch::new(&places, 2).unwrap();
        refused(search.diverse(surrogate, 0.1, None), "diverse");
        let batch = BatchExpectedImprovement::over(0.0).unwrap();
        refused(
            search.greedy(surrogate, &batch, &MonteCarlo::default()),
            "greedy",
        );
        refused(
            gradient(&PosteriorVariance, surrogate, &[0.5], 1.0, 0.1),
            "gradient",
        );
    }
}

#[test]
fn more_draws_than_memory_holds_are_refused() {
    let draws = MonteCarlo::new(MonteCarlo::MOST_SAMPLES, Seed(0)).unwrap();
    let batch = Array2::from_shape_fn((64, 1), |(i, _)| i as f64);
    let rule = BatchExpectedImprovement::over(0.0).unwrap();
    let error = draws
        .score(&rule, &Broken::Short, batch.view())
        .unwrap_err();
    assert!(error.to_string().starts_with("samples"), "{error}");
}
