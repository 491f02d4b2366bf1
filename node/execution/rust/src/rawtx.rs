//! Raw transactions taken apart: legacy lists and EIP-2718 envelopes of types 1, 2 and 4.
//!
//! Canonical RLP and nothing else: every spelling has one hash. The signed part of a
//! transaction is its list without the last three fields, so the signing hash is made
//! from the bytes as they are, without encoding anything again.

use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use revm::context::TxEnv;
use revm::context_interface::either::Either;

use crate::error::{Kind, Refusal};

/// `MAX_TRANSACTION_BYTES` of `node/execution/executor.py`.
pub const MAX_TRANSACTION_BYTES: usize = 131_072;

/// A decoded transaction; its sender is not known yet, `env.caller` is zero.
pub struct Fields {
    pub env: TxEnv,
    /// v of a legacy transaction, else the y parity.
    pub v: u64,
    pub r: U256,
    pub s: U256,
    pub signing_hash: B256,
}

impl Fields {
    /// Parity of the signature's y (for a valid v).
    pub fn is_odd(&self) -> bool {
        match self.env.tx_type {
            0 if self.env.chain_id.is_none() => self.v == 28,
            0 => self.v.is_multiple_of(2),
            _ => self.v == 1,
        }
    }
}

/// Decodes any chain's transaction; refuses what has no canonical form.
pub fn decode(raw: &[u8]) -> Result<Fields, Refusal> {
    if raw.len() > MAX_TRANSACTION_BYTES {
        let message = format!(
            "{} bytes; a transaction has at most {MAX_TRANSACTION_BYTES}",
            raw.len()
        );
        return Err(Refusal::new(Kind::TooLarge, message));
    }
    let decoded = match raw.first() {
        None => Err(alloy_rlp::Error::InputTooShort),
        Some(0xc0..) => legacy(raw),
        Some(kind @ (1 | 2 | 4)) => typed(*kind, &raw[1..]),
        Some(kind) => {
            let message = format!("transaction type {kind} is not supported");
            return Err(Refusal::new(Kind::UnsupportedType, message));
        }
    };
    decoded.map_err(|error| {
        Refusal::new(Kind::Malformed, format!("not decodable: {error}"))
    })
}

type Rlp<T> = alloy_rlp::Result<T>;

/// The payload of the one list that `raw` is.
fn open_list<'a>(raw: &mut &'a [u8]) -> Rlp<&'a [u8]> {
    let payload = Header::decode_bytes(raw, true)?;
    if !raw.is_empty() {
        return Err(alloy_rlp::Error::UnexpectedLength);
    }
    Ok(payload)
}

fn recipient(from: &mut &[u8]) -> Rlp<TxKind> {
    TxKind::decode(from)
}

fn finish(rest: &[u8]) -> Rlp<()> {
    if rest.is_empty() { Ok(()) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

fn legacy(mut raw: &[u8]) -> Rlp<Fields> {
    let payload = open_list(&mut raw)?;
    let from = &mut &payload[..];
    let mut env = TxEnv {
        tx_type: 0,
        chain_id: None,
        nonce: u64::decode(from)?,
        gas_price: u128::decode(from)?,
        gas_limit: u64::decode(from)?,
        kind: recipient(from)?,
        value: U256::decode(from)?,
        data: Bytes::decode(from)?,
        gas_priority_fee: None,
        ..TxEnv::default()
    };
    let signed = &payload[..payload.len() - from.len()];
    let v = u64::decode(from)?;
    let (r, s) = (U256::decode(from)?, U256::decode(from)?);
    finish(from)?;
    env.chain_id = (v >= 35).then(|| (v - 35) / 2);
    let mut tail = Vec::new();
    if let Some(chain_id) = env.chain_id {
        chain_id.encode(&mut tail);
        tail.extend_from_slice(&[0x80, 0x80]);
    }
    Ok(Fields { env, v, r, s, signing_hash: signing_hash(None, signed, &tail) })
}

fn typed(tx_type: u8, mut raw: &[u8]) -> Rlp<Fields> {
    let payload = open_list(&mut raw)?;
    let from = &mut &payload[..];
    let chain_id = Some(u64::decode(from)?);
    let nonce = u64::decode(from)?;
    let first_fee = u128::decode(from)?;
    let (gas_priority_fee, gas_price) = match tx_type {
        1 => (None, first_fee),
        _ => (Some(first_fee), u128::decode(from)?),
    };
    let mut env = TxEnv {
        tx_type,
        chain_id,
        nonce,
        gas_priority_fee,
        gas_price,
        gas_limit: u64::decode(from)?,
        kind: recipient(from)?,
        value: U256::decode(from)?,
        data: Bytes::decode(from)?,
        access_list: AccessList::decode(from)?,
        ..TxEnv::default()
    };
    if tx_type == 4 {
        if env.kind.is_create() {
            return Err(alloy_rlp::Error::Custom(
                "an EIP-7702 transaction creates nothing",
            ));
        }
        let signed = Vec::<SignedAuthorization>::decode(from)?;
        env.authorization_list = signed.into_iter().map(Either::Left).collect();
    }
    let signed = &payload[..payload.len() - from.len()];
    let v = u64::from(u8::decode(from)?);
    let (r, s) = (U256::decode(from)?, U256::decode(from)?);
    finish(from)?;
    Ok(Fields { env, v, r, s, signing_hash: signing_hash(Some(tx_type), signed, &[]) })
}

fn signing_hash(tx_type: Option<u8>, signed: &[u8], tail: &[u8]) -> B256 {
    let mut bytes = Vec::with_capacity(signed.len() + tail.len() + 10);
    bytes.extend(tx_type);
    Header { list: true, payload_length: signed.len() + tail.len() }.encode(&mut bytes);
    bytes.extend_from_slice(signed);
    bytes.extend_from_slice(tail);
    keccak256(bytes)
}

/// One EIP-7702 authorization in RLP, as `Call.authorizations` holds them.
pub fn decode_authorization(mut raw: &[u8]) -> Result<SignedAuthorization, String> {
    let decoded =
        SignedAuthorization::decode(&mut raw).map_err(|error| error.to_string())?;
    finish(raw).map_err(|error| error.to_string())?;
    Ok(decoded)
}
