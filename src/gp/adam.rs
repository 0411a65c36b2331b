//! Steps along noisy gradients, of a size that each coordinate's own history decides.

/// Weight of the past in the running mean of the gradient.
const FIRST: f64 = 0.9;
/// Weight of the past in the running mean of the squared gradient.
const SECOND: f64 = 0.999;
/// Keeps steps finite where the gradient is zero.
const FLOOR: f64 = 1e-8;

/// Adam, ascending: θ ← θ + rate · m̂ / (√v̂ + 10⁻⁸) with m̂ and v̂ the running means of gradient and squared gradient,
/// corrected for their start at zero. A step is about `rate` long whatever the scale of the objective.
///
/// Kingma & Ba (2015), "Adam: a method for stochastic optimization", ICLR, algorithm 1.
#[derive(Debug, Clone)]
pub(super) struct Adam {
    learning_rate: f64,
    mean: Vec<f64>,
    square: Vec<f64>,
    steps: i32,
}

impl Adam {
    /// An optimiser of `size` coordinates that has seen no gradient yet.
    pub fn new(learning_rate: f64, size: usize) -> Self {
        Self {
            learning_rate,
            mean: vec![0.0; size],
            square: vec![0.0; size],
            steps: 0,
        }
    }

    /// Changes the length of the steps to come.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    /// Moves the parameters uphill. A gradient that is not finite is passed over and leaves no trace.
    pub fn step(&mut self, parameters: &mut [f64], gradient: &[f64]) {
        if gradient.iter().any(|g| !g.is_finite()) {
            return;
        }
        self.steps = self.steps.saturating_add(1);
        let first = 1.0 - FIRST.powi(self.steps);
        let second = 1.0 - SECOND.powi(self.steps);
        let memory = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, g), (mean, square)) in parameters.iter_mut().zip(gradient).zip(memory) {
            *mean += (1.0 - FIRST) * (g - *mean);
            *square += (1.0 - SECOND) * (g * g - *square);
            let spread = (*square / second).sqrt() + FLOOR;
            *parameter += self.learning_rate * (*mean / first) / spread;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_the_learning_rate_whatever_the_scale() {
        let mut at = [0.0, 0.0, 0.0];
        Adam::new(0.1, 3).step(&mut at, &[1e-3, -1e6, 0.0]);
        assert!((at[0] - 0.1).abs() < 1e-5 && (at[1] + 0.1).abs() < 1e-12 && at[2] == 0.0);
    }

    #[test]
    fn a_badly_scaled_parabola_is_climbed_to_its_top() {
        let mut at = [3.0, -2.0];
        let mut adam = Adam::new(0.05, 2);
        for step in 0..2000 {
            adam.set_learning_rate(0.05 * (1.0 - f64::from(step) / 2000.0));
            let gradient = [-1000.0 * (at[0] - 1.0), -0.01 * (at[1] + 1.0)];
            adam.step(&mut at, &gradient);
        }
        assert!(
            (at[0] - 1.0).abs() < 1e-3 && (at[1] + 1.0).abs() < 1e-3,
            "{at:?}"
        );
    }

    #[test]
    fn an_infinite_gradient_is_passed_over() {
        let (mut adam, mut at) = (Adam::new(0.1, 1), [1.0]);
        adam.step(&mut at, &[f64::NAN]);
        assert_eq!(at, [1.0]);
        adam.step(&mut at, &[2.0]);
        assert!((at[0] - 1.1).abs() < 1e-8);
    }
}
