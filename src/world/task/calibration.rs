//! How honest the stated uncertainty of an answer is.

use serde::{Deserialize, Serialize};

/// Bins of stated probability, of equal width.
const BINS: usize = 10;
/// Half-width of the central 50 % of the standard normal law, `Φ⁻¹(3/4)`.
const HALF: f64 = 0.674_489_750_196_081_7;
/// Half-width of the central 90 % of the standard normal law, `Φ⁻¹(0.95)`.
const NINE_TENTHS: f64 = 1.644_853_626_951_472_2;

/// Stated against true uncertainty. It is no part of the quality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Of stated probabilities.
    Classes {
        /// Probabilities that were judged.
        answers: usize,
        /// Expected calibration error, `Σ_b |Σ_{i∈b} (p_i − y_i)| / n` over ten bins `b` of equal width in the stated
        /// probability `p`; `y` is 1 where it came true. `n` honest answers leave about `1/√n` when
        /// their probabilities are spread evenly.
        expected_error: f64,
        /// Brier score: the mean of `(p − y)²` for "defect or not", of `Σ_k (p_k − y_k)²` over the classes for labels.
        brier: f64,
    },
    /// Of stated variances, for a Gaussian about the answer.
    Numbers {
        /// Numbers that were judged, one for each component of a vector.
        answers: usize,
        /// Share of truths in the central interval of 50 %; honest answers give 0.5.
        within_half: f64,
        /// Share of truths in the central interval of 90 %; honest answers give 0.9.
        within_nine_tenths: f64,
        /// Mean of error² / variance; honest answers give 1, and an error at variance 0 gives infinity.
        standardised_squared_error: f64,
    },
}

impl Calibration {
    /// From pairs of a stated probability and how far it came true (1, 0, or between when shared), and the Brier score.
    ///
    /// Sources: Brier, *Mon. Weather Rev.* 78, 1 (1950); Pakdaman Naeini, Cooper and Hauskrecht, AAAI 2015 (bins).
    pub(super) fn of_classes(stated: &[(f64, f64)], brier: f64) -> Option<Self> {
        let mut gaps = [0.0; BINS];
        for &(probability, truth) in stated {
            let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
            gaps[bin] += probability - truth;
        }
        let gap: f64 = gaps.iter().map(|gap: &f64| gap.abs()).sum();
        (!stated.is_empty()).then(|| Self::Classes {
            answers: stated.len(),
            expected_error: gap / stated.len() as f64,
            brier,
        })
    }

    /// From pairs of an error and its stated variance.
    pub(super) fn of_numbers(stated: &[(f64, f64)]) -> Option<Self> {
        let standardised = |&(error, variance): &(f64, f64)| {
            if error == 0.0 {
                0.0
            } else {
                error * error / variance
            }
        };
        let squares: Vec<f64> = stated.iter().map(standardised).collect();
        let count = squares.len() as f64;
        let within = |half_width: f64| {
            let inside = squares
                .iter()
                .filter(|&&square| square <= half_width * half_width);
            inside.count() as f64 / count
        };
        (!stated.is_empty()).then(|| Self::Numbers {
            answers: stated.len(),
            within_half: within(HALF),
            within_nine_tenths: within(NINE_TENTHS),
            standardised_squared_error: squares.iter().sum::<f64>() / count,
        })
    }
}

impl std::fmt::Display for Calibration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Classes {
                answers,
                expected_error,
                brier,
            } => write!(
                f,
                "calibration error {expected_error:.4}, Brier score {brier:.4} ({answers} answers)"
            ),
            Self::Numbers {
                answers,
                within_half,
                within_nine_tenths,
                standardised_squared_error,
            } => write!(
                f,
                "{:.1} % of truths in the 50 % intervals, {:.1} % in those of 90 %, error²/variance \
                 {standardised_squared_error:.3} ({answers} answers)",
                100.0 * within_half,
                100.0 * within_nine_tenths,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::units::Seed;
    use rand::RngExt;

    #[test]
    fn bins_by_hand() {
        // bins 0.9..1 (twice, one came true) and 0.2..0.3 (once, came true); 1.0 belongs to the last bin
        let stated = [(0.95, 1.0), (1.0, 0.0), (0.25, 1.0)];
        let wanted = ((0.95 + 1.0 - 1.0) + (1.0 - 0.25)) / 3.0;
        let Some(Calibration::Classes {
            answers,
            expected_error,
            brier,
        }) = Calibration::of_classes(&stated, 0.5)
        else {
            panic!("answers were stated");
        };
        assert_eq!((answers, brier), (3, 0.5));
        assert!((expected_error - wanted).abs() < 1e-15);
        assert!(Calibration::of_classes(&[], f64::NAN).is_none());
        assert!(Calibration::of_numbers(&[]).is_none());
    }

    #[test]
    fn honest_answers_are_found_honest_and_boasts_are_not() {
        let mut stream = Stream::new(Seed(5), Purpose::Policy, [0, 0]);
        let count = 20_000;
        let errors: Vec<f64> = (0..count).map(|_| 0.3 * stream.normal()).collect();
        let stated = |variance: f64| {
            let pairs: Vec<(f64, f64)> = errors.iter().map(|&error| (error, variance)).collect();
            match Calibration::of_numbers(&pairs) {
                Some(Calibration::Numbers {
                    within_half,
                    within_nine_tenths,
                    standardised_squared_error,
                    ..
                }) => [within_half, within_nine_tenths, standardised_squared_error],
                other => panic!("{other:?}"),
            }
        };
        let [half, nine_tenths, squared] = stated(0.09);
        // four standard errors
        assert!((half - 0.5).abs() < 4.0 * (0.25 / count as f64).sqrt());
        assert!((nine_tenths - 0.9).abs() < 4.0 * (0.09 / count as f64).sqrt());
        assert!((squared - 1.0).abs() < 4.0 * (2.0 / count as f64).sqrt());
        // a tenth of the variance: Φ-probabilities of the interval shrunk by √10
        let [half, nine_tenths, squared] = stated(0.009);
        assert!((half - 0.1689).abs() < 0.01 && (nine_tenths - 0.3970).abs() < 0.014);
        assert!((squared - 10.0).abs() < 0.4);

        let mut honest = Vec::new();
        for _ in 0..count {
            let probability: f64 = stream.random();
            let came_true = stream.random::<f64>() < probability;
            honest.push((probability, f64::from(came_true)));
        }
        let error_of = |stated: &[(f64, f64)]| match Calibration::of_classes(stated, 0.0) {
            Some(Calibration::Classes { expected_error, .. }) => expected_error,
            other => panic!("{other:?}"),
        };
        assert!(error_of(&honest) < 2.0 * (10.0 / count as f64).sqrt() / 3.0);
        let boasts: Vec<_> = honest.iter().map(|&(p, y)| (p.round(), y)).collect();
        assert!((error_of(&boasts) - 0.25).abs() < 0.02); // E min(p, 1 − p)
    }

    #[test]
    fn certainty_is_honest_only_without_error() {
        let sure = Calibration::of_numbers(&[(0.0, 0.0), (0.0, 0.0)]).unwrap();
        assert!(sure.to_string().starts_with("100.0 % of truths"), "{sure}");
        let wrong = Calibration::of_numbers(&[(0.1, 0.0)]).unwrap();
        assert!(wrong.to_string().contains("inf"), "{wrong}");
    }
}
