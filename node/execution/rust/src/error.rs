//! What can go wrong, in three kinds that the node treats differently.
//!
//! A transaction is refused (`Refusal`: the sender's fault), a block contradicts its
//! execution (`Trouble::Invalid`: the proposer's fault), a state is not held
//! (`Trouble::Unknown`), or the executor itself is broken (`Fault`: the node halts).

use std::fmt;

use alloy_primitives::B256;

/// Why a transaction cannot be in a block. The words are the values of `ErrorKind` in
/// `node/execution/executor.py`; both executors use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    BadSignature,
    WrongChain,
    Unprotected,
    UnsupportedType,
    NonceTooLow,
    NonceTooHigh,
    NonceMax,
    InsufficientFunds,
    FeeTooLow,
    PriorityAboveMax,
    IntrinsicGas,
    FloorGas,
    GasLimit,
    InitcodeTooLarge,
    SenderHasCode,
    EmptyAuthorizations,
    TooLarge,
    Overflow,
    Unbuildable,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::WrongChain => "wrong_chain",
            Self::Unprotected => "unprotected",
            Self::UnsupportedType => "unsupported_type",
            Self::NonceTooLow => "nonce_too_low",
            Self::NonceTooHigh => "nonce_too_high",
            Self::NonceMax => "nonce_max",
            Self::InsufficientFunds => "insufficient_funds",
            Self::FeeTooLow => "fee_too_low",
            Self::PriorityAboveMax => "priority_above_max",
            Self::IntrinsicGas => "intrinsic_gas",
            Self::FloorGas => "floor_gas",
            Self::GasLimit => "gas_limit",
            Self::InitcodeTooLarge => "initcode_too_large",
            Self::SenderHasCode => "sender_has_code",
            Self::EmptyAuthorizations => "empty_authorizations",
            Self::TooLarge => "too_large",
            Self::Overflow => "overflow",
            Self::Unbuildable => "unbuildable",
        }
    }
}

/// A refused transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    pub message: String,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.word(), self.message)
    }
}

/// The store or the state is broken; nothing more can be trusted.
#[derive(Clone, Debug)]
pub struct Fault(pub String);

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub fn corrupt(what: &str) -> Self {
        Self(format!(
            "the state store is damaged ({what}); remove the state folder and start \
             again: the node rebuilds it from its block log"
        ))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}
impl revm::database_interface::DBErrorMarker for Fault {}

impl From<redb::Error> for Fault {
    fn from(error: redb::Error) -> Self {
        Self(format!("state store: {error}"))
    }
}

macro_rules! fault_from_store {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self(format!("state store: {error}"))
            }
        }
    )*};
}

fault_from_store!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError,
    std::io::Error
);

/// Why a call of the executor gave nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The block contradicts its execution.
    Invalid(String),
    /// No state of this block is held.
    Unknown(B256),
    /// It is held, but making it would take too long.
    Distant(String),
    /// The caller's own mistake: a bad genesis, a wrong argument.
    Usage(String),
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message) | Self::Distant(message) | Self::Usage(message) => {
                f.write_str(message)
            }
            Self::Unknown(digest) => {
                write!(f, "the state of block {digest} is not held")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}
