//! Where climbs begin.

use crate::random::Stream;

/// How steeply the chance of a place rises with its score.
const STEEPNESS: f64 = 2.0;

/// Indices of the best score and of `count` − 1 others, drawn without replacement with weights `exp(2 z)`, best first.
///
/// `z` are the scores less their mean, in standard deviations, with low ones lifted to where the highest would lie if
/// mirrored about the median: logarithms of gains fall off so far around what is known that their deviation would be all
/// theirs. A score of −∞ is drawn only once there is no other. The draw is by the largest of `2 z` plus Gumbel deviates.
///
/// Source: the heuristic of Balandat et al., NeurIPS 2020 (arXiv 1910.06403), appendix F; drawn as in Kool, van Hoof and
/// Welling, ICML 2019 (arXiv 1903.06059).
pub(crate) fn boltzmann(scores: &[f64], count: usize, stream: &mut Stream) -> Vec<usize> {
    let ordinary = |score: f64| score.clamp(-f64::MAX.sqrt(), f64::MAX.sqrt());
    let mut sorted: Vec<f64> = scores
        .iter()
        .copied()
        .filter(|s| *s > f64::NEG_INFINITY)
        .map(ordinary)
        .collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&highest), Some(&median)) = (sorted.last(), sorted.get(sorted.len() / 2)) else {
        return (0..count.min(scores.len())).collect();
    };
    let lowest = 2.0 * median - highest;
    let lifted = |score: f64| ordinary(score).max(lowest);
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|s| lifted(*s) / n).sum::<f64>();
    let variance = sorted
        .iter()
        .map(|s| (lifted(*s) - mean).powi(2) / n)
        .sum::<f64>();
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    let best = (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
    let mut keys: Vec<(f64, usize)> = Vec::with_capacity(scores.len());
    for (index, &score) in scores.iter().enumerate() {
        let gumbel = -stream.exponential().ln();
        let key = if index == best {
            f64::INFINITY
        } else if score == f64::NEG_INFINITY {
            score
        } else {
            STEEPNESS * (lifted(score) - mean) / deviation + gumbel
        };
        keys.push((key, index));
    }
    keys.sort_by(|a, b| b.0.total_cmp(&a.0));
    keys.into_iter()
        .take(count)
        .map(|(_, index)| index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::units::Seed;

    fn stream(key: u64) -> Stream {
        Stream::new(Seed(4), Purpose::Policy, [key, 0])
    }

    #[test]
    fn the_best_is_always_first_and_none_comes_twice() {
        let scores: Vec<f64> = (0..50).map(|i| ((i * 37) % 50) as f64).collect();
        let best = scores.iter().position(|s| *s == 49.0).unwrap();
        for key in 0..20 {
            let mut starts = boltzmann(&scores, 8, &mut stream(key));
            assert_eq!((starts.len(), starts[0]), (8, best));
            starts.sort_unstable();
            starts.dedup();
            assert_eq!(starts.len(), 8);
        }
        assert_eq!(boltzmann(&scores, 99, &mut stream(0)).len(), 50);
    }

    /// Three scores besides the best: the second start is each with a chance in proportion to exp(2 z).
    #[test]
    fn chances_are_those_of_boltzmann() {
        let scores = [3.0_f64, 2.0, 1.0, 1.5];
        let mean = 1.875;
        let deviation = (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 4.0).sqrt();
        let weights: Vec<f64> = scores[1..]
            .iter()
            .map(|s| (2.0 * s / deviation).exp())
            .collect();
        let mut counts = [0.0; 4];
        for key in 0..20_000 {
            counts[boltzmann(&scores, 2, &mut stream(key))[1]] += 1.0 / 20_000.0;
        }
        for (count, weight) in counts[1..].iter().zip(&weights) {
            let wanted = weight / weights.iter().sum::<f64>();
            // three standard errors of a share
            assert!(
                (count - wanted).abs() < 3.0 * (wanted / 20_000.0).sqrt(),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn depths_do_not_level_the_heights() {
        // without the lift the deviation would be 4e5 and all the rest alike
        let mut scores = vec![-1e6; 20];
        scores.extend((0..80).map(|i| i as f64 / 20.0));
        let low = |start: &usize| scores[*start] < 1.0;
        let starts: Vec<usize> = (0..100)
            .flat_map(|key| boltzmann(&scores, 4, &mut stream(key)))
            .collect();
        let share = starts.iter().filter(|s| low(s)).count() as f64 / starts.len() as f64;
        assert!(share < 0.2, "{share}");
    }

    #[test]
    fn flat_hopeless_and_infinite_scores() {
        assert_eq!(boltzmann(&[1.0; 5], 3, &mut stream(0)).len(), 3);
        assert_eq!(
            boltzmann(&[f64::NEG_INFINITY; 5], 3, &mut stream(0)),
            [0, 1, 2]
        );
        assert!(boltzmann(&[], 3, &mut stream(0)).is_empty());
        let mixed = [f64::NEG_INFINITY, 0.0, f64::INFINITY, 1.0];
        let starts = boltzmann(&mixed, 3, &mut stream(1));
        assert_eq!(starts[0], 2);
        assert!(!starts.contains(&0));
    }
}
