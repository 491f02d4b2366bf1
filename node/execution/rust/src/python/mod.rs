//! The Python module `chandlery_native`: bytes in, bytes out, the GIL released meanwhile.
//!
//! Tuples instead of classes cross the border; `node/execution/native.py` gives them the
//! types of the executor's protocol.

mod convert;
mod dev;
mod receipts;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::engine::{Engine, Settings};
use crate::error::Trouble;
use crate::propose::{Built, Chain, Limits};
use convert::{
    EnvTuple, ExecutedTuple, RefusalTuple, env, executed, hash32, refusal, word,
};

pyo3::create_exception!(chandlery_native, Invalid, PyException);
pyo3::create_exception!(chandlery_native, Unknown, PyException);
pyo3::create_exception!(chandlery_native, Distant, Unknown);
pyo3::create_exception!(chandlery_native, Usage, PyException);
pyo3::create_exception!(chandlery_native, Broken, PyException);

impl From<Trouble> for PyErr {
    fn from(trouble: Trouble) -> Self {
        let message = trouble.to_string();
        match trouble {
            Trouble::Invalid(_) => Invalid::new_err(message),
            Trouble::Unknown(_) => Unknown::new_err(message),
            Trouble::Distant(_) => Distant::new_err(message),
            Trouble::Usage(_) => Usage::new_err(message),
            Trouble::Fault(_) => Broken::new_err(message),
        }
    }
}

impl From<crate::error::Fault> for PyErr {
    fn from(fault: crate::error::Fault) -> Self {
        Broken::new_err(fault.to_string())
    }
}

/// Bytes of Python that stay readable without the GIL.
fn slices(raws: &[PyBackedBytes]) -> Vec<&[u8]> {
    raws.iter().map(|raw| &raw[..]).collect()
}

/// An executor of one chain.
#[pyclass(frozen)]
struct Executor {
    engine: Arc<Engine>,
}

type BuiltTuple<'py> = (
    Bound<'py, PyBytes>,
    ExecutedTuple<'py>,
    Vec<usize>,
    Vec<(usize, RefusalTuple<'py>)>,
);

#[pymethods]
impl Executor {
    /// `genesis` is the file's JSON, `header` the genesis block's RLP; without a folder
    /// the state lives in memory. 0 threads are as many as there are cores.
    #[new]
    #[pyo3(signature = (folder, genesis, header, *, window, archive, checkpoint_blocks,
        memory_bytes, threads))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        folder: Option<PathBuf>,
        genesis: PyBackedBytes,
        header: PyBackedBytes,
        window: u64,
        archive: bool,
        checkpoint_blocks: usize,
        memory_bytes: usize,
        threads: usize,
    ) -> PyResult<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Settings {
            window,
            is_archive: archive,
            checkpoint_blocks: checkpoint_blocks.max(1),
            memory_bytes,
            threads: if threads == 0 { cores() } else { threads },
        };
        py.detach(|| {
            let genesis = serde_json::from_slice(&genesis)
                .map_err(|error| Trouble::Usage(format!("genesis: {error}")))?;
            let engine = Engine::open(folder.as_deref(), &genesis, &header, settings)?;
            Ok(Self { engine: Arc::new(engine) })
        })
    }

    /// (height, digest) of the newest state that would survive a crash.
    #[getter]
    fn durable<'py>(&self, py: Python<'py>) -> (u64, Bound<'py, PyBytes>) {
        let position = py.detach(|| self.engine.durable());
        (position.number, PyBytes::new(py, position.digest.as_slice()))
    }

    /// (height, digest) of the newest committed block.
    #[getter]
    fn committed<'py>(&self, py: Python<'py>) -> (u64, Bound<'py, PyBytes>) {
        let version = py.detach(|| self.engine.head());
        (version.position.number, PyBytes::new(py, version.position.digest.as_slice()))
    }

    /// Per transaction (hash, sender, nonce, gas limit, max fee, priority fee, max cost),
    /// or (hash, kind, message) of a refused one.
    fn recover<'py>(
        &self,
        py: Python<'py>,
        raws: Vec<PyBackedBytes>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        recover(py, &*self.engine, &raws)
    }

    /// (block, executed, positions included, [(position, (hash, kind, message))]).
    fn build<'py>(
        &self,
        py: Python<'py>,
        parent: PyBackedBytes,
        block_env: EnvTuple,
        raws: Vec<PyBackedBytes>,
        limits: (u64, usize, u64),
    ) -> PyResult<BuiltTuple<'py>> {
        build(py, &*self.engine, (&parent, block_env), &raws, limits)
    }

    /// (digest, state root, receipts, gas used, created, validators, touched).
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

    fn discard(&self, py: Python<'_>, digest: &[u8]) -> PyResult<()> {
        let digest = hash32(digest)?;
        py.detach(|| self.engine.discard(&digest));
        Ok(())
    }

    fn view(&self, py: Python<'_>, digest: &[u8]) -> PyResult<view::View> {
        let digest = hash32(digest)?;
        view_of(py, &*self.engine, &digest)
    }

    /// Makes everything committed durable.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.engine.flush())?)
    }

    /// Flushes and releases the files.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.engine.close())?)
    }

    /// (bytes of pages in memory, pages read from the store so far).
    #[getter]
    fn memory(&self) -> (usize, usize) {
        self.engine.memory()
    }
}

fn recover<'py>(
    py: Python<'py>,
    chain: &(impl Chain + Sync),
    raws: &[PyBackedBytes],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let checked = py.detach(|| chain.checker().check_all(&slices(raws)));
    let convert = |(raw, checked): (&PyBackedBytes, crate::tx::Checked)| match checked {
        Err(why) => Ok(refusal(py, raw, &why).into_pyobject(py)?.into_any()),
        Ok(tx) => {
            let priority = tx.env.gas_priority_fee.unwrap_or(tx.env.gas_price);
            let info = (
                PyBytes::new(py, tx.hash.as_slice()),
                PyBytes::new(py, tx.sender().as_slice()),
                tx.env.nonce,
                tx.env.gas_limit,
                tx.env.gas_price,
                priority,
                word(py, &tx.max_cost)?,
            );
            Ok(info.into_pyobject(py)?.into_any())
        }
    };
    raws.iter().zip(checked).map(convert).collect()
}

fn build<'py>(
    py: Python<'py>,
    chain: &(impl Chain + Sync),
    (parent, block_env): (&[u8], EnvTuple),
    raws: &[PyBackedBytes],
    limits: (u64, usize, u64),
) -> PyResult<BuiltTuple<'py>> {
    let env = env(&block_env)?;
    let (gas, bytes, time_ms) = limits;
    let limits = Limits { gas, bytes, time: Duration::from_millis(time_ms) };
    let built = py.detach(|| chain.build(parent, env, &slices(raws), &limits))?;
    let Built { block, executed: done, included, refused } = built;
    let refused = refused.iter().map(|(at, why)| (*at, refusal(py, &raws[*at], why)));
    let refused = refused.collect();
    Ok((PyBytes::new(py, &block), executed(py, &done)?, included, refused))
}

fn view_of(
    py: Python<'_>,
    chain: &(impl Chain + Sync),
    digest: &B256,
) -> PyResult<view::View> {
    Ok(view::View::new(py.detach(|| crate::view::View::open(chain, digest))?))
}

/// Nanoseconds of CPU by phase since the process began.
#[pyfunction]
fn phases() -> std::collections::HashMap<&'static str, u64> {
    crate::phases::NAMES.into_iter().zip(crate::phases::spent_ns()).collect()
}

/// Keccak-256 of the bytes: ten times as fast as the Python package's.
#[pyfunction]
#[pyo3(name = "keccak256")]
fn keccak256_of<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, keccak256(data).as_slice())
}

/// (hash, sender, intrinsic gas) of a transaction of Cancun, or (hash, kind, message).
#[pyfunction]
fn inspect_transaction<'py>(
    py: Python<'py>,
    raw: PyBackedBytes,
    chain_id: u64,
) -> PyResult<Bound<'py, PyAny>> {
    match crate::tx::inspect(&raw, chain_id) {
        Err(why) => Ok(refusal(py, &raw, &why).into_pyobject(py)?.into_any()),
        Ok((sender, gas)) => {
            let hash = PyBytes::new(py, keccak256(&raw).as_slice());
            let found = (hash, PyBytes::new(py, sender.as_slice()), gas);
            Ok(found.into_pyobject(py)?.into_any())
        }
    }
}

/// Runs one public state test: (state root, logs hash, reason of a refusal or "").
#[pyfunction]
fn run_state_test<'py>(
    py: Python<'py>,
    pre: &str,
    env: &str,
    tx: &str,
    fork: &str,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, String)> {
    let (root, logs, refused) =
        py.detach(|| crate::statetest::run(pre, env, tx, fork))?;
    Ok((PyBytes::new(py, root.as_slice()), PyBytes::new(py, logs.as_slice()), refused))
}

#[pymodule]
fn chandlery_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    crate::allocator::keep_freed_memory();
    let py = module.py();
    module.add_class::<Executor>()?;
    module.add_class::<dev::DevExecutor>()?;
    module.add_class::<view::View>()?;
    module.add("Invalid", py.get_type::<Invalid>())?;
    module.add("Unknown", py.get_type::<Unknown>())?;
    module.add("Distant", py.get_type::<Distant>())?;
    module.add("Usage", py.get_type::<Usage>())?;
    module.add("Broken", py.get_type::<Broken>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(phases, module)?)?;
    module.add_function(wrap_pyfunction!(keccak256_of, module)?)?;
    module.add_function(wrap_pyfunction!(inspect_transaction, module)?)?;
    module.add_function(wrap_pyfunction!(receipts::receipts_json, module)?)?;
    module.add_function(wrap_pyfunction!(run_state_test, module)?)
}
