//! Receipts as JSON, for JSON-RPC.

use alloy_primitives::Address;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::convert::{address, hash32};
use super::{Usage, slices};
use crate::receipts::{Place, json};

/// The receipts of a block as `eth_getBlockReceipts` gives them; `place` is number, hash,
/// timestamp and base fee of the block.
#[pyfunction]
pub fn receipts_json<'py>(
    py: Python<'py>,
    place: (u64, PyBackedBytes, u64, u128),
    raws: Vec<PyBackedBytes>,
    receipts: Vec<PyBackedBytes>,
    senders: Vec<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (number, digest, timestamp, base_fee) = place;
    let place = Place { number, digest: hash32(&digest)?, timestamp, base_fee };
    let senders: Vec<Address> =
        senders.iter().map(|raw| address(raw)).collect::<PyResult<_>>()?;
    let made = py.detach(|| json(&place, &slices(&raws), &slices(&receipts), &senders));
    Ok(PyBytes::new(py, &made.map_err(Usage::new_err)?))
}
