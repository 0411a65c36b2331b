//! How long to look: sequential testing of many sites under one dose budget.
//!
//! A *site* is one of two things, null or alternative (a perfect column or a vacancy, a clean pixel or a particle), and each
//! unit of dose shows a noisy reading of which. Nothing here knows of microscopes: doses are in any unit in which rates
//! are given.
//!
//! | you want | you take |
//! | --- | --- |
//! | what a site shows, and how dose wears it out | [`SiteModel`], [`Survival`] |
//! | the posterior of one site, damage included | [`SiteFilter`] |
//! | when a site is decided, and what a test of fixed dwell would need | [`SequentialTest`], [`FixedTest`] |
//! | whether adaptive dwell can pay at all | [`Regime`], [`RecoveryLimits`], [`rose_dose`] |
//! | which site deserves the next dose | [`InformationTable`], [`GittinsTable`], both a [`SiteIndex`] |
//! | the same for the cells of a correlated field | [`LevelSetIndex`] |
//! | a policy to steer an instrument | [`Beliefs`], [`Allocation`] |
//! | to try policies against each other | [`BankDesign`], [`Bank`] |
//! | policies | [`FixedDwell`], [`SequentialRaster`], [`Racing`], [`DistilledSensing`], [`IndexAllocation`] |
//!
//! ```
//! use dosewise::sequential::{BankDesign, FixedDwell, IndexAllocation, InformationTable, Order, SiteModel, Worth};
//! use dosewise::units::Seed;
//!
//! let site = SiteModel::poisson(1.0, 0.6)?;
//! let design = BankDesign::new(400, 0.03, site)?.mean_dose(32.0)?;
//! let table = InformationTable::new(&site, Worth::Information, design.quantum_dose(), &[1, 2, 4, 8])?;
//! let bank = design.bank(Seed(3))?;
//! let adaptive = bank.run(&mut IndexAllocation::new(&table, &design)?)?.dec_auc();
//! let raster = bank.run(&mut FixedDwell::single_pass(Order::Raster, 1.0)?)?.dec_auc();
//! assert!(adaptive > 1.3 * raster);
//! # Ok::<(), dosewise::Error>(())
//! ```

mod allocation;
mod bank;
mod beliefs;
mod clairvoyant;
mod design;
mod distilled_sensing;
mod evidence;
mod filter;
mod fixed_dwell;
mod fixed_test;
mod gittins;
mod grid;
mod index;
mod index_allocation;
mod information_table;
mod level_set;
mod neighbours;
mod outlook;
mod overshoot;
mod racing;
mod sequential_raster;
mod site;
mod wald;
mod worth;

pub use allocation::{Allocation, BankView, Visit};
pub use bank::Bank;
pub use beliefs::Beliefs;
pub use design::{BankDesign, Layout};
pub use distilled_sensing::DistilledSensing;
pub use evidence::{RecoveryLimits, Regime, rose_dose};
pub use filter::SiteFilter;
pub use fixed_dwell::{FixedDwell, Order};
pub use fixed_test::FixedTest;
pub use gittins::GittinsTable;
pub use index::{IndexedVisit, SiteIndex};
pub use index_allocation::IndexAllocation;
pub use information_table::InformationTable;
pub use level_set::LevelSetIndex;
pub use neighbours::Neighbours;
pub use racing::Racing;
pub use sequential_raster::SequentialRaster;
pub use site::{Scatter, SiteModel, Survival};
pub use wald::{SequentialCost, SequentialTest, Verdict};
pub use worth::Worth;
