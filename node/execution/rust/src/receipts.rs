//! The receipts of a block as `eth_getBlockReceipts` gives them: JSON, all in one go.
//!
//! Clients read every block's. Written out by the interpreter, an order's receipt costs
//! as much as its execution; here a few microseconds. `node/rpc/formats.py` says what
//! each field is, and a test holds the two to each other.

use std::io::Write;

use alloy_primitives::{Address, B256, hex, keccak256};
use alloy_rlp::{Decodable, Header};

use crate::rawtx::{Fields, decode};

/// What the header of the block says.
pub struct Place {
    pub number: u64,
    pub digest: B256,
    pub timestamp: u64,
    pub base_fee: u128,
}

/// JSON of all receipts in order. Fails, saying why, on what is no block's.
pub fn json(
    place: &Place,
    raws: &[&[u8]],
    receipts: &[&[u8]],
    senders: &[Address],
) -> Result<Vec<u8>, String> {
    if raws.len() != receipts.len() || raws.len() != senders.len() {
        return Err("as many receipts and senders as transactions".into());
    }
    let mut out = Vec::with_capacity(raws.len() * 2_048);
    let (mut gas, mut logs) = (0, 0);
    out.push(b'[');
    for (at, (raw, receipt)) in raws.iter().zip(receipts).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let fields =
            decode(raw).map_err(|refusal| format!("transaction {at}: {refusal}"))?;
        let receipt =
            Receipt::read(receipt).map_err(|error| format!("receipt {at}: {error}"))?;
        let mut object = Object::begin(&mut out);
        outline(&mut object, place, at, raw, (&fields, &senders[at]));
        object.number("status", u64::from(receipt.succeeded));
        object.number("cumulativeGasUsed", receipt.gas);
        object.number("gasUsed", receipt.gas.saturating_sub(gas));
        object.data("logsBloom", receipt.bloom);
        object.name("logs");
        object.out.push(b'[');
        let origin = (keccak256(raw), at);
        let count = write_logs(object.out, place, origin, receipt.logs, logs)
            .map_err(|error| format!("receipt {at}: {error}"))?;
        object.out.push(b']');
        object.end();
        (gas, logs) = (receipt.gas, logs + count);
    }
    out.push(b']');
    Ok(out)
}

/// What a receipt repeats of its transaction.
fn outline(
    object: &mut Object<'_>,
    place: &Place,
    at: usize,
    raw: &[u8],
    (fields, sender): (&Fields, &Address),
) {
    let env = &fields.env;
    let to = env.kind.to();
    let created = to.is_none().then(|| sender.create(env.nonce));
    let priority = env.gas_priority_fee.unwrap_or(env.gas_price);
    let price = env.gas_price.min(place.base_fee.saturating_add(priority));
    object.number("type", u64::from(env.tx_type));
    object.data("transactionHash", keccak256(raw).as_slice());
    object.number("transactionIndex", at as u64);
    object.data("blockHash", place.digest.as_slice());
    object.number("blockNumber", place.number);
    object.data("from", sender.as_slice());
    object.maybe("to", to.map(|at| at.as_slice()));
    object.maybe("contractAddress", created.as_ref().map(|at| at.as_slice()));
    object.number("effectiveGasPrice", price);
}

type Rlp<T> = alloy_rlp::Result<T>;

/// A receipt taken apart; `logs` are the payload of their list.
struct Receipt<'a> {
    succeeded: bool,
    gas: u64,
    bloom: &'a [u8],
    logs: &'a [u8],
}

impl<'a> Receipt<'a> {
    fn read(raw: &'a [u8]) -> Rlp<Self> {
        let is_typed = raw.first().is_some_and(|first| *first < 0xc0);
        let mut rest = if is_typed { &raw[1..] } else { raw };
        let from = &mut Header::decode_bytes(&mut rest, true)?;
        Ok(Self {
            succeeded: u64::decode(from)? == 1,
            gas: u64::decode(from)?,
            bloom: Header::decode_bytes(from, false)?,
            logs: Header::decode_bytes(from, true)?,
        })
    }
}

/// Writes logs, and counts them.
fn write_logs(
    out: &mut Vec<u8>,
    place: &Place,
    (transaction, at): (B256, usize),
    mut logs: &[u8],
    before: u64,
) -> Rlp<u64> {
    let mut count = 0;
    while !logs.is_empty() {
        let from = &mut Header::decode_bytes(&mut logs, true)?;
        if count > 0 {
            out.push(b',');
        }
        let mut object = Object::begin(out);
        object.data("address", Header::decode_bytes(from, false)?);
        object.name("topics");
        let mut topics = Header::decode_bytes(from, true)?;
        let mut separator = b'[';
        while !topics.is_empty() {
            object.out.push(separator);
            write_data(object.out, Header::decode_bytes(&mut topics, false)?);
            separator = b',';
        }
        object.out.extend_from_slice(if separator == b'[' { b"[]" } else { b"]" });
        object.data("data", Header::decode_bytes(from, false)?);
        object.number("blockNumber", place.number);
        object.data("blockHash", place.digest.as_slice());
        object.number("blockTimestamp", place.timestamp);
        object.data("transactionHash", transaction.as_slice());
        object.number("transactionIndex", at as u64);
        object.number("logIndex", before + count);
        object.name("removed");
        object.out.extend_from_slice(b"false");
        object.end();
        count += 1;
    }
    Ok(count)
}

/// A JSON object on its way into a buffer. Names need no escaping.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn number(&mut self, name: &str, value: impl Into<u128>) {
        self.name(name);
        // Writing to a vector does not fail.
        let _ = write!(self.out, "\"{:#x}\"", value.into());
    }

    fn data(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        write_data(self.out, value);
    }

    fn maybe(&mut self, name: &str, value: Option<&[u8]>) {
        match value {
            Some(value) => self.data(name, value),
            None => {
                self.name(name);
                self.out.extend_from_slice(b"null");
            }
        }
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

fn write_data(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"\"0x");
    let start = out.len();
    out.resize(start + 2 * value.len(), 0);
    // The room is exactly what the digits need.
    let _ = hex::encode_to_slice(value, &mut out[start..]);
    out.push(b'"');
}
