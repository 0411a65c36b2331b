//! A set of measurements for a budget.

use super::Purse;
use crate::error::{Error, Result};

/// What a set of items is worth together, asked one item at a time as the set grows; worth never falls with another item.
///
/// ```
/// use dosewise::acquisition::{SetFunction, knapsack};
///
/// /// How many of eight sites are seen by the views taken; a view is a mask of the sites in it.
/// #[derive(Clone)]
/// struct Seen { views: Vec<u8>, seen: u8 }
///
/// impl SetFunction for Seen {
///     fn gains(&self) -> Vec<f64> {
///         self.views.iter().map(|view| f64::from((view & !self.seen).count_ones())).collect()
///     }
///     fn take(&mut self, item: usize) {
///         self.seen |= self.views[item];
///     }
///     fn is_submodular(&self) -> bool {
///         true
///     }
/// }
///
/// let views = Seen { views: vec![0b0000_1111, 0b0011_1100, 0b1100_0000, 0b0000_0011], seen: 0 };
/// let plan = knapsack(&views, &[4.0, 4.0, 1.0, 1.0], 9.0)?;
/// assert_eq!((plan.worth, plan.cost), (8.0, 6.0)); // the last, the third and the one between
/// # Ok::<(), dosewise::Error>(())
/// ```
pub trait SetFunction: Clone {
    /// What each item, those taken included, would now add; none below 0.
    fn gains(&self) -> Vec<f64>;

    /// Takes an item into the set.
    fn take(&mut self, item: usize);

    /// Whether no item ever adds more to a larger set than to a smaller one. Bounds hold only then.
    fn is_submodular(&self) -> bool;
}

/// A set of items for a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The items in the order in which they were taken.
    pub items: Vec<usize>,
    /// What the set is worth.
    pub worth: f64,
    /// What it costs (e⁻/Å² unless the costs are something else).
    pub cost: f64,
    /// No set that the budget can pay for is worth more than this; `None` if the function is not submodular.
    pub upper_bound: Option<f64>,
    /// The largest gain per cost among the items left out, whether they still fit or not: what a little more budget would
    /// bring, a price for [`priced`](crate::acquisition::Acquisition::priced); 0 if nothing is left out.
    pub price: f64,
}

/// The items to take for a `budget`, one cost an item: greedily by gain per cost among those that still fit, once from
/// nothing and once from the best single item, whichever set is worth more.
///
/// For a submodular worth the set is worth at least `(1 − 1/e)/2 ≈ 0.316` times the best one (Khuller, Moss and Naor, *Inf.
/// Process. Lett.* 70, 39 (1999), for coverage; Leskovec, Krause, Guestrin, Faloutsos, VanBriesen and Glance, KDD 2007, for
/// any), in fact 0.405 times (Tang, Tang, Lim, Han, Li and Yuan, arXiv 2008.05391). What it is in the case at hand is
/// usually far better and told by [`Plan::upper_bound`]: for any set A the best set is worth at most
/// `F(A) + max Σ ξᵢ Δᵢ(A)` over `0 ≤ ξᵢ ≤ 1` that cost no more than the budget, the fractional knapsack of gains `Δ` (Leskovec
/// et al., section 3.2); the smallest over all A on the way is kept. That knapsack is the Lagrangian relaxation of
/// [`clearing_price`](crate::acquisition::clearing_price). For other functions the greedy set is a heuristic.
///
/// Calls [`SetFunction::gains`] about twice for each item taken.
///
/// # Errors
/// [`Error::Argument`] unless the budget is finite and not negative, the costs are finite and positive, there is one gain
/// for each, and every gain of an item not taken is finite and not negative.
pub fn knapsack<F: SetFunction>(function: &F, costs: &[f64], budget: f64) -> Result<Plan> {
    let purse = Purse::new(budget)?;
    if let Some(wrong) = costs
        .iter()
        .find(|cost| !(cost.is_finite() && **cost > 0.0))
    {
        return Err(Error::argument("costs", wrong, "finite costs above 0"));
    }
    let gains = gains_of(function, costs, |_| false)?;
    let mut single = None;
    for (item, gain) in gains.iter().enumerate() {
        if purse.affords(costs[item]) && single.is_none_or(|held: usize| *gain > gains[held]) {
            single = Some(item);
        }
    }
    let mut plan = greedy(function.clone(), costs, purse, None)?;
    if single.is_some() && single != plan.items.first().copied() {
        let other = greedy(function.clone(), costs, purse, single)?;
        let bounds = plan.upper_bound.zip(other.upper_bound);
        let upper_bound = bounds.map(|(a, b)| a.min(b));
        if other.worth > plan.worth {
            plan = other;
        }
        plan.upper_bound = upper_bound;
    }
    Ok(plan)
}

/// The greedy set, with its first item given or not.
fn greedy<F: SetFunction>(
    mut function: F,
    costs: &[f64],
    purse: Purse,
    first: Option<usize>,
) -> Result<Plan> {
    let mut left = purse;
    let mut plan = Plan {
        items: Vec::new(),
        worth: 0.0,
        cost: 0.0,
        upper_bound: function.is_submodular().then_some(f64::INFINITY),
        price: 0.0,
    };
    let mut taken = vec![false; costs.len()];
    loop {
        let gains = gains_of(&function, costs, |item| taken[item])?;
        let ratio = |item: usize| gains[item] / costs[item];
        let mut open: Vec<usize> = (0..costs.len()).filter(|&item| !taken[item]).collect();
        // stable, so that equal ratios keep their order
        open.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)));
        plan.price = open.first().map_or(0.0, |&item| ratio(item));
        if let Some(bound) = &mut plan.upper_bound {
            *bound = bound.min(plan.worth + fractional(&open, &gains, costs, purse));
        }
        let fits = |item: &usize| left.affords(costs[*item]) && gains[*item] > 0.0;
        let given = first.filter(|_| plan.items.is_empty());
        let Some(next) = given.or_else(|| open.into_iter().find(fits)) else {
            return Ok(plan);
        };
        plan.worth += gains[next];
        plan.cost += costs[next];
        left.pay(costs[next]);
        plan.items.push(next);
        taken[next] = true;
        function.take(next);
    }
}

/// The worth of a knapsack into which the last item may go in part; items in the order of their gain per cost.
fn fractional(items: &[usize], gains: &[f64], costs: &[f64], purse: Purse) -> f64 {
    let (mut left, mut worth) = (purse.left + purse.slack, 0.0);
    for &item in items {
        // alone too dear, it is in no set that can be paid for
        if purse.affords(costs[item]) {
            let part = (left / costs[item]).clamp(0.0, 1.0);
            worth += part * gains[item];
            left -= part * costs[item];
        }
    }
    worth
}

fn gains_of<F: SetFunction>(
    function: &F,
    costs: &[f64],
    taken: impl Fn(usize) -> bool,
) -> Result<Vec<f64>> {
    let gains = function.gains();
    if gains.len() != costs.len() {
        return Err(Error::argument(
            "costs",
            format!("{} values", costs.len()),
            format!("{}, one for each item", gains.len()),
        ));
    }
    let wrong = |(item, gain): &(usize, &f64)| {
        let sound = gain.is_finite() && **gain >= 0.0;
        !sound && !taken(*item)
    };
    if let Some((item, gain)) = gains.iter().enumerate().find(wrong) {
        return Err(Error::argument(
            "function",
            format!("a gain of {gain} for item {item}"),
            "finite gains, 0 or more",
        ));
    }
    Ok(gains)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Weights of sites that are seen once any item that covers them is taken; without overlap a plain sum.
    #[derive(Clone, Debug)]
    struct Coverage {
        items: Vec<u16>,
        weights: Vec<f64>,
        seen: u16,
    }

    impl Coverage {
        fn weight(&self, sites: u16) -> f64 {
            let sites = self
                .weights
                .iter()
                .enumerate()
                .filter(|(k, _)| sites >> k & 1 == 1);
            sites.map(|(_, weight)| weight).sum()
        }
    }

    impl SetFunction for Coverage {
        fn gains(&self) -> Vec<f64> {
            let added = self.items.iter().map(|sites| sites & !self.seen);
            added.map(|sites| self.weight(sites)).collect()
        }

        fn take(&mut self, item: usize) {
            self.seen |= self.items[item];
        }

        fn is_submodular(&self) -> bool {
            true
        }
    }

    fn sum_of(weights: &[f64]) -> Coverage {
        Coverage {
            items: (0..weights.len()).map(|k| 1 << k).collect(),
            weights: weights.to_vec(),
            seen: 0,
        }
    }

    /// The crumb has the better ratio, but then the loaf no longer fits.
    #[test]
    fn the_best_single_item_guards_against_crumbs() {
        let plan = knapsack(&sum_of(&[2.0, 100.0]), &[1.0, 100.0], 100.0).unwrap();
        assert_eq!((plan.items, plan.worth, plan.cost), (vec![1], 100.0, 100.0));
        // the crumb and 99 hundredths of the loaf
        assert!((plan.upper_bound.unwrap() - 101.0).abs() < 1e-9);
        assert_eq!(plan.price, 2.0);
    }

    #[test]
    fn what_fits_entirely_is_taken_entirely() {
        let plan = knapsack(&sum_of(&[1.0, 3.0, 0.0]), &[0.1, 0.2, 0.3], 0.3).unwrap();
        assert_eq!((plan.items, plan.worth), (vec![1, 0], 4.0));
        assert!((plan.upper_bound.unwrap() - 4.0).abs() < 1e-9);
        let nothing = knapsack(&sum_of(&[1.0, 3.0]), &[2.0, 3.0], 1.0).unwrap();
        assert_eq!((nothing.items.len(), nothing.worth), (0, 0.0));
        assert_eq!((nothing.upper_bound, nothing.price), (Some(0.0), 1.0));
        assert_eq!(
            knapsack(&sum_of(&[]), &[], 1.0).unwrap().upper_bound,
            Some(0.0)
        );
    }

    #[test]
    fn wrong_numbers_are_refused() {
        let sum = sum_of(&[1.0, 2.0]);
        assert!(knapsack(&sum, &[1.0], 1.0).is_err());
        assert!(knapsack(&sum, &[1.0, 0.0], 1.0).is_err());
        assert!(knapsack(&sum, &[1.0, 1.0], f64::NAN).is_err());
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let error = knapsack(&sum_of(&[1.0, wrong]), &[1.0, 1.0], 2.0).unwrap_err();
            assert!(error.to_string().contains("item 1"));
        }
    }

    proptest! {
        /// Against all sets of up to eight items.
        #[test]
        fn no_set_beats_the_bound_and_the_plan_keeps_its_guarantee(
            items in prop::collection::vec((1_u16..1024, 0.1..3.0_f64), 1..9),
            weights in prop::collection::vec(0.0..1.0_f64, 10),
            budget in 0.0..8.0_f64,
        ) {
            let (items, costs): (Vec<u16>, Vec<f64>) = items.into_iter().unzip();
            let coverage = Coverage { items, weights, seen: 0 };
            let plan = knapsack(&coverage, &costs, budget).unwrap();
            let mut best = 0.0_f64;
            for set in 0..1_usize << costs.len() {
                let members = || (0..costs.len()).filter(|k| set >> k & 1 == 1);
                if members().map(|k| costs[k]).sum::<f64>() <= budget {
                    let seen = members().fold(0, |seen, k| seen | coverage.items[k]);
                    best = best.max(coverage.weight(seen));
                }
            }
            prop_assert!(plan.cost <= budget * (1.0 + 1e-9));
            prop_assert!(plan.worth <= best + 1e-9 && plan.worth >= 0.405 * best - 1e-9);
            prop_assert!(plan.upper_bound.unwrap() >= best - 1e-9);
        }
    }
}
