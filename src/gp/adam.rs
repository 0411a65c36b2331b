//! Adam: steps whose size does not follow that of the gradient.

/// How much of the running means of the gradient and of its square a step keeps, and what keeps the division finite.
const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;
const FLOOR: f64 = 1e-8;

/// Ascends an objective by m̂/(√v̂ + ε) times the learning rate, with m̂ and v̂ the running means of gradient and squared
/// gradient, corrected for their start at zero (Kingma & Ba 2015, algorithm 1, its sign turned).
#[derive(Debug, Clone)]
pub(super) struct Adam {
    learning_rate: f64,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl Adam {
    /// For `size` parameters, before the first step.
    pub fn new(learning_rate: f64, size: usize) -> Self {
        Self {
            learning_rate,
            first: vec![0.0; size],
            second: vec![0.0; size],
            steps: 0,
        }
    }

    /// Moves the parameters up the gradient.
    pub fn step(&mut self, parameters: &mut [f64], gradient: &[f64]) {
        self.steps = self.steps.saturating_add(1);
        let corrections = [FIRST_DECAY, SECOND_DECAY].map(|decay| 1.0 - decay.powi(self.steps));
        let means = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, slope), (first, second)) in parameters.iter_mut().zip(gradient).zip(means)
        {
            *first += (1.0 - FIRST_DECAY) * (slope - *first);
            *second += (1.0 - SECOND_DECAY) * (slope * slope - *second);
            let spread = (*second / corrections[1]).sqrt();
            *parameter += self.learning_rate * (*first / corrections[0]) / (spread + FLOOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_steps_are_as_long_as_the_learning_rate() {
        let mut adam = Adam::new(0.1, 2);
        let mut parameters = [1.0, 1.0];
        adam.step(&mut parameters, &[1e6, -1e-3]);
        assert!((parameters[0] - 1.1).abs() < 1e-12 && (parameters[1] - 0.9).abs() < 1e-5);
    }

    #[test]
    fn a_bowl_is_climbed() {
        let mut adam = Adam::new(0.05, 2);
        let mut at = [3.0, -2.0];
        for _ in 0..2000 {
            let gradient = [-2.0 * (at[0] - 1.0), -200.0 * (at[1] - 0.5)];
            adam.step(&mut at, &gradient);
        }
        assert!(
            (at[0] - 1.0).abs() < 1e-3 && (at[1] - 0.5).abs() < 1e-3,
            "{at:?}"
        );
    }
}
