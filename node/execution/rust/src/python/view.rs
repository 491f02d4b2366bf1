//! A view in Python.

use alloy_primitives::Address;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyInt};

use super::convert::{
    CallTuple, EnvTuple, OverrideTuple, address, call, env, hash32, number, overrides,
    word,
};
use crate::calls::Outcome;
use crate::error::Trouble;

/// Reads of one committed state.
#[pyclass(frozen)]
pub struct View {
    inner: crate::view::View,
}

type LogTuple<'py> =
    (Bound<'py, PyBytes>, Vec<Bound<'py, PyBytes>>, Bound<'py, PyBytes>);
/// output, gas used, error, logs
type OutcomeTuple<'py> = (Bound<'py, PyBytes>, u64, String, Vec<LogTuple<'py>>);
type Nodes<'py> = Vec<Bound<'py, PyBytes>>;
type SlotProofs<'py> = Vec<(Bound<'py, PyInt>, Bound<'py, PyInt>, Nodes<'py>)>;
/// balance, nonce, code hash, storage root, account proof, storage proofs
type ProofTuple<'py> = (
    Bound<'py, PyInt>,
    u64,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Nodes<'py>,
    SlotProofs<'py>,
);

impl View {
    pub fn new(inner: crate::view::View) -> Self {
        Self { inner }
    }
}

fn outcome<'py>(py: Python<'py>, outcome: &Outcome) -> OutcomeTuple<'py> {
    let bytes = |raw: &[u8]| PyBytes::new(py, raw);
    let log = |log: &alloy_primitives::Log| {
        let topics = log.topics().iter().map(|topic| bytes(topic.as_slice())).collect();
        (bytes(log.address.as_slice()), topics, bytes(&log.data.data))
    };
    let logs = outcome.logs.iter().map(log).collect();
    (bytes(&outcome.output), outcome.gas_used, outcome.error.clone(), logs)
}

fn nodes<'py>(py: Python<'py>, nodes: &[Vec<u8>]) -> Nodes<'py> {
    nodes.iter().map(|node| PyBytes::new(py, node)).collect()
}

#[pymethods]
impl View {
    fn balance<'py>(&self, py: Python<'py>, at: &[u8]) -> PyResult<Bound<'py, PyInt>> {
        word(py, &self.inner.account(&address(at)?)?.balance)
    }

    fn nonce(&self, at: &[u8]) -> PyResult<u64> {
        Ok(self.inner.account(&address(at)?)?.nonce)
    }

    fn code<'py>(&self, py: Python<'py>, at: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.inner.code(&address(at)?)?))
    }

    fn slot<'py>(
        &self,
        py: Python<'py>,
        at: &[u8],
        slot: &Bound<'py, PyInt>,
    ) -> PyResult<Bound<'py, PyInt>> {
        word(py, &self.inner.slot(&address(at)?, &number(slot)?)?)
    }

    /// (nonce, balance) of each.
    fn accounts<'py>(
        &self,
        py: Python<'py>,
        given: Vec<PyBackedBytes>,
    ) -> PyResult<Vec<(u64, Bound<'py, PyInt>)>> {
        let given: PyResult<Vec<Address>> =
            given.iter().map(|at| address(at)).collect();
        let given = given?;
        let found: Result<Vec<_>, _> =
            py.detach(|| given.iter().map(|at| self.inner.account(at)).collect());
        let convert = |account: crate::state::Account| {
            Ok((account.nonce, word(py, &account.balance)?))
        };
        found?.into_iter().map(convert).collect()
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        asked: CallTuple<'py>,
        block_env: EnvTuple,
        given: Vec<OverrideTuple<'py>>,
    ) -> PyResult<OutcomeTuple<'py>> {
        let (asked, env, given) = (call(asked)?, env(&block_env)?, overrides(given)?);
        let done = py.detach(|| self.inner.call(&asked, &env, &given))?;
        Ok(outcome(py, &done))
    }

    /// (gas, None) or (0, the failing result).
    fn estimate_gas<'py>(
        &self,
        py: Python<'py>,
        asked: CallTuple<'py>,
        block_env: EnvTuple,
        given: Vec<OverrideTuple<'py>>,
    ) -> PyResult<(u64, Option<OutcomeTuple<'py>>)> {
        let (asked, env, given) = (call(asked)?, env(&block_env)?, overrides(given)?);
        Ok(match py.detach(|| self.inner.estimate_gas(&asked, &env, &given))? {
            Ok(gas) => (gas, None),
            Err(failed) => (0, Some(outcome(py, &failed))),
        })
    }

    #[allow(clippy::type_complexity)]
    fn access_list<'py>(
        &self,
        py: Python<'py>,
        asked: CallTuple<'py>,
        block_env: EnvTuple,
    ) -> PyResult<(OutcomeTuple<'py>, Vec<(Bound<'py, PyBytes>, Vec<Bound<'py, PyInt>>)>)>
    {
        let (asked, env) = (call(asked)?, env(&block_env)?);
        let (done, list) = py.detach(|| self.inner.access_list(&asked, &env))?;
        let mut items = Vec::new();
        for item in list.0 {
            let keys = item.storage_keys.iter().map(|key| word(py, &(*key).into()));
            let keys = keys.collect::<PyResult<_>>()?;
            items.push((PyBytes::new(py, item.address.as_slice()), keys));
        }
        Ok((outcome(py, &done), items))
    }

    /// The root of the state with overrides laid over it.
    fn root<'py>(
        &self,
        py: Python<'py>,
        given: Vec<OverrideTuple<'py>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let given = overrides(given)?;
        let root = py.detach(|| self.inner.root(&given))?;
        Ok(PyBytes::new(py, root.as_slice()))
    }

    /// The view below further blocks, whose hashes BLOCKHASH tells.
    fn followed_by(&self, digests: Vec<PyBackedBytes>) -> PyResult<Self> {
        let digests: PyResult<Vec<_>> =
            digests.iter().map(|digest| hash32(digest)).collect();
        Ok(Self::new(self.inner.followed_by(&digests?)))
    }

    fn proof<'py>(
        &self,
        py: Python<'py>,
        at: &[u8],
        slots: Vec<Bound<'py, PyInt>>,
    ) -> PyResult<ProofTuple<'py>> {
        let at = address(at)?;
        let slots: Vec<_> = slots.iter().map(number).collect::<PyResult<_>>()?;
        let proof = py.detach(|| self.inner.proof(&at, &slots))?;
        let account = &proof.account;
        let mut storage = Vec::new();
        for (slot, value, path) in &proof.storage_proofs {
            storage.push((word(py, slot)?, word(py, value)?, nodes(py, path)));
        }
        Ok((
            word(py, &account.balance)?,
            account.nonce,
            PyBytes::new(py, account.code_hash.as_slice()),
            PyBytes::new(py, account.storage_root().as_slice()),
            nodes(py, &proof.account_proof),
            storage,
        ))
    }

    /// JSON text of the tracer's answer; `options` is JSON text.
    fn trace_call<'py>(
        &self,
        py: Python<'py>,
        asked: CallTuple<'py>,
        block_env: EnvTuple,
        given: Vec<OverrideTuple<'py>>,
        tracer: (String, String),
    ) -> PyResult<String> {
        let (asked, env, given) = (call(asked)?, env(&block_env)?, overrides(given)?);
        let (name, options) = options_of(&tracer)?;
        Ok(py
            .detach(|| self.inner.trace_call(&asked, &env, &given, (name, &options)))?)
    }

    /// JSON texts, one a transaction.
    fn trace_block(
        &self,
        py: Python<'_>,
        block: PyBackedBytes,
        tracer: (String, String),
    ) -> PyResult<Vec<String>> {
        let (name, options) = options_of(&tracer)?;
        Ok(py.detach(|| self.inner.trace_block(&block, (name, &options)))?)
    }
}

fn options_of(tracer: &(String, String)) -> Result<(&str, serde_json::Value), Trouble> {
    let (name, options) = tracer;
    let options = serde_json::from_str(options)
        .map_err(|error| Trouble::Usage(format!("tracer options: {error}")))?;
    Ok((name, options))
}
