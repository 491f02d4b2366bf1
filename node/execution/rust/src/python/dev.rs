//! The executor of a dev chain in Python.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyInt};

use super::convert::{
    EnvTuple, ExecutedTuple, OverrideTuple, executed, hash32, overrides, word,
};
use super::{BuiltTuple, build, recover, view, view_of};
use crate::dev::DevEngine;
use crate::error::Trouble;
use crate::propose::Chain;

/// An executor that lives in memory and does what a dev chain asks of it.
#[pyclass(frozen)]
pub struct DevExecutor {
    engine: DevEngine,
}

/// address, nonce, balance, code, slots
type DumpedTuple<'py> = (
    Bound<'py, PyBytes>,
    u64,
    Bound<'py, PyInt>,
    Bound<'py, PyBytes>,
    Vec<(Bound<'py, PyInt>, Bound<'py, PyInt>)>,
);

#[pymethods]
impl DevExecutor {
    /// `genesis` is the file's JSON, `header` the genesis block's RLP.
    #[new]
    fn new(
        py: Python<'_>,
        genesis: PyBackedBytes,
        header: PyBackedBytes,
    ) -> PyResult<Self> {
        py.detach(|| {
            let genesis = serde_json::from_slice(&genesis)
                .map_err(|error| Trouble::Usage(format!("genesis: {error}")))?;
            Ok(Self { engine: DevEngine::new(&genesis, &header)? })
        })
    }

    /// (height, digest) of the newest committed block.
    #[getter]
    fn committed<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let position = &self.engine.head()?.position;
        Ok((position.number, PyBytes::new(py, position.digest.as_slice())))
    }

    /// The same: nothing outlives the process, nothing is behind.
    #[getter]
    fn durable<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        self.committed(py)
    }

    fn recover<'py>(
        &self,
        py: Python<'py>,
        raws: Vec<PyBackedBytes>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        recover(py, &self.engine, &raws)
    }

    fn build<'py>(
        &self,
        py: Python<'py>,
        parent: PyBackedBytes,
        block_env: EnvTuple,
        raws: Vec<PyBackedBytes>,
        limits: (u64, usize, u64),
    ) -> PyResult<BuiltTuple<'py>> {
        build(py, &self.engine, (&parent, block_env), &raws, limits)
    }

    fn execute<'py>(
        &self,
        py: Python<'py>,
        block: PyBackedBytes,
    ) -> PyResult<ExecutedTuple<'py>> {
        let done = py.detach(|| self.engine.execute(&block))?;
        executed(py, &done)
    }

    fn commit(&self, py: Python<'_>, digest: &[u8]) -> PyResult<()> {
        let digest = hash32(digest)?;
        Ok(py.detach(|| self.engine.commit(&digest))?)
    }

    fn discard(&self, digest: &[u8]) -> PyResult<()> {
        self.engine.discard(&hash32(digest)?);
        Ok(())
    }

    fn view(&self, py: Python<'_>, digest: &[u8]) -> PyResult<view::View> {
        view_of(py, &self.engine, &hash32(digest)?)
    }

    /// Changes accounts in the newest state.
    fn edit(&self, py: Python<'_>, edits: Vec<OverrideTuple<'_>>) -> PyResult<()> {
        let edits = overrides(edits)?;
        Ok(py.detach(|| self.engine.edit(&edits))?)
    }

    fn mark(&self) -> usize {
        self.engine.mark()
    }

    fn rewind(&self, py: Python<'_>, mark: usize) -> PyResult<()> {
        Ok(py.detach(|| self.engine.rewind(mark))?)
    }

    fn set_chain_id(&self, chain_id: u64) {
        self.engine.set_chain_id(chain_id);
    }

    /// Every account of the newest state, by address.
    fn dump<'py>(&self, py: Python<'py>) -> PyResult<Vec<DumpedTuple<'py>>> {
        let accounts = py.detach(|| self.engine.dump())?;
        let convert = |account: &crate::dev::Dumped| {
            let slots = account.slots.iter();
            let slots =
                slots.map(|(slot, value)| Ok((word(py, slot)?, word(py, value)?)));
            Ok((
                PyBytes::new(py, account.address.as_slice()),
                account.nonce,
                word(py, &account.balance)?,
                PyBytes::new(py, &account.code),
                slots.collect::<PyResult<_>>()?,
            ))
        };
        accounts.iter().map(convert).collect()
    }

    /// How much is held: layers, names, codes.
    #[getter]
    fn held(&self) -> (usize, usize, usize) {
        self.engine.held()
    }

    /// Nothing is open.
    fn close(&self) {}
}
