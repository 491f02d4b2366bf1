//! Headers and blocks in RLP (`node/chain/header.py`, `node/chain/block.py`).

use std::ops::Range;

use alloy_primitives::{B64, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};

use crate::block::Finished;
use crate::machine::Env;
use crate::trie::EMPTY_ROOT;

/// sha256 of nothing: the fixed requests hash of this chain (EIP-7685).
const EMPTY_REQUESTS: B256 = alloy_eips::eip7685::EMPTY_REQUESTS_HASH;

/// A header and its hash.
pub struct Header {
    pub inner: alloy_consensus::Header,
    pub digest: B256,
}

impl Header {
    pub fn decode(raw: &[u8]) -> Result<Self, String> {
        let mut rest = raw;
        let inner = alloy_consensus::Header::decode(&mut rest)
            .map_err(|error| format!("the header is not decodable: {error}"))?;
        if !rest.is_empty() || inner.requests_hash.is_none() {
            return Err(
                "the header is not decodable: not the 21 fields of Prague".into()
            );
        }
        Ok(Self { inner, digest: keccak256(raw) })
    }

    /// The header that `build` puts on an execution.
    pub fn seal(
        parent: &Self,
        env: &Env,
        finished: &Finished,
        extra_data: Bytes,
    ) -> Self {
        let inner = alloy_consensus::Header {
            parent_hash: parent.digest,
            ommers_hash: alloy_consensus::EMPTY_OMMER_ROOT_HASH,
            beneficiary: env.coinbase,
            state_root: finished.state_root,
            transactions_root: finished.transactions_root,
            receipts_root: finished.receipts_root,
            logs_bloom: finished.results.bloom,
            difficulty: U256::ZERO,
            number: env.number,
            gas_limit: env.gas_limit,
            gas_used: finished.results.total_gas,
            timestamp: env.timestamp,
            extra_data,
            mix_hash: env.prev_randao,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(env.base_fee),
            withdrawals_root: Some(EMPTY_ROOT),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS),
            ..Default::default()
        };
        let digest = inner.hash_slow();
        Self { inner, digest }
    }

    pub fn env(&self) -> Env {
        Env {
            number: self.inner.number,
            timestamp: self.inner.timestamp,
            coinbase: self.inner.beneficiary,
            gas_limit: self.inner.gas_limit,
            base_fee: self.inner.base_fee_per_gas.unwrap_or_default(),
            prev_randao: self.inner.mix_hash,
        }
    }

    /// Which claims do not hold, in the words of the reference; empty when all do.
    pub fn differences(&self, finished: &Finished, extra_data: &Bytes) -> String {
        let claimed = &self.inner;
        let results = &finished.results;
        let mut wrong = Vec::new();
        let mut compare = |name: &str, actual: String, claim: String| {
            if actual != claim {
                wrong.push(format!("{name} is {actual}, not {claim}"));
            }
        };
        let text = |hash: B256| hash.to_string();
        compare("state root", text(finished.state_root), text(claimed.state_root));
        compare(
            "transactions root",
            text(finished.transactions_root),
            text(claimed.transactions_root),
        );
        compare(
            "receipts root",
            text(finished.receipts_root),
            text(claimed.receipts_root),
        );
        let bloom =
            |bloom: &alloy_primitives::Bloom| format!("of hash {}", keccak256(bloom));
        if results.bloom != claimed.logs_bloom {
            compare("logs bloom", bloom(&results.bloom), bloom(&claimed.logs_bloom));
        }
        compare(
            "gas used",
            results.total_gas.to_string(),
            claimed.gas_used.to_string(),
        );
        compare("extra data", extra_data.to_string(), claimed.extra_data.to_string());
        wrong.join(", ")
    }
}

/// A decoded block; its transactions are ranges of the bytes given.
pub struct Block {
    pub header: Header,
    pub transactions: Vec<Range<usize>>,
}

impl Block {
    pub fn decode(raw: &[u8]) -> Result<Self, String> {
        decode_block(raw)
            .map_err(|error| format!("the block is not decodable: {error}"))
    }

    /// RLP of a header and raw transactions.
    pub fn encode(header: &Header, raws: &[Bytes]) -> Vec<u8> {
        let size: usize = raws.iter().map(|raw| raw.len() + 5).sum();
        let mut transactions = Vec::with_capacity(size);
        for raw in raws {
            match raw.first() {
                // A legacy transaction is a list already.
                Some(0xc0..) => transactions.extend_from_slice(raw),
                _ => raw.encode(&mut transactions),
            }
        }
        let mut payload = Vec::with_capacity(size + 700);
        header.inner.encode(&mut payload);
        list_head(transactions.len(), &mut payload);
        payload.append(&mut transactions);
        payload.extend_from_slice(&[0xc0, 0xc0]);
        let mut block = Vec::with_capacity(payload.len() + 5);
        list_head(payload.len(), &mut block);
        block.append(&mut payload);
        block
    }
}

fn list_head(payload_length: usize, out: &mut Vec<u8>) {
    alloy_rlp::Header { list: true, payload_length }.encode(out);
}

fn decode_block(raw: &[u8]) -> Result<Block, String> {
    let message = |error: alloy_rlp::Error| error.to_string();
    let mut rest = raw;
    let payload = alloy_rlp::Header::decode_bytes(&mut rest, true).map_err(message)?;
    if !rest.is_empty() {
        return Err("bytes after the block".into());
    }
    let mut from = payload;
    let header = item(&mut from)?;
    let header = Header::decode(header)?;
    let mut list = alloy_rlp::Header::decode_bytes(&mut from, true).map_err(message)?;
    if from != [0xc0, 0xc0] {
        return Err("ommers and withdrawals must be empty".into());
    }
    let mut transactions = Vec::new();
    while let Some(first) = list.first() {
        let bytes = match first {
            0xc0.. => item(&mut list)?,
            _ => alloy_rlp::Header::decode_bytes(&mut list, false).map_err(message)?,
        };
        let start = bytes.as_ptr() as usize - raw.as_ptr() as usize;
        transactions.push(start..start + bytes.len());
    }
    Ok(Block { header, transactions })
}

/// The next item with its head.
fn item<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let mut rest = *from;
    let head =
        alloy_rlp::Header::decode(&mut rest).map_err(|error| error.to_string())?;
    let size = from.len() - rest.len() + head.payload_length;
    let (item, after) = from.split_at_checked(size).ok_or("ends too early")?;
    *from = after;
    Ok(item)
}
