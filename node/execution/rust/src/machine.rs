//! The EVM as this chain configures it.

use alloy_primitives::{Address, B256, U256};
use revm::context::{BlockEnv, CfgEnv, Context};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::handler::{MainnetContext, MainnetEvm};
use revm::primitives::hardfork::SpecId;
use revm::state::{AccountStatus, EvmState};
use revm::{Database, MainContext};

/// What the node decides of a block, as far as execution sees it.
#[derive(Clone, Debug)]
pub struct Env {
    pub number: u64,
    pub timestamp: u64,
    pub coinbase: Address,
    pub gas_limit: u64,
    pub base_fee: u64,
    pub prev_randao: B256,
}

impl Env {
    pub fn block(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.coinbase,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prev_randao),
            // There are no blobs: the blob fee is at its minimum.
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            slot_num: 0,
        }
    }
}

/// The rules of Prague on this chain. The precompiles are those of Prague (0x01 to 0x11,
/// KZG and BLS12-381 included), in the pure Rust of arkworks and of RustCrypto except
/// for ECRECOVER, which is libsecp256k1's.
pub fn rules(chain_id: u64) -> CfgEnv {
    let mut rules = CfgEnv::new();
    rules.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
    rules.chain_id = chain_id;
    rules
}

/// The rules for running the transactions of a block again: who may send was decided when
/// it was executed.
pub fn replay_rules(chain_id: u64) -> CfgEnv {
    let mut rules = rules(chain_id);
    rules.disable_eip3607 = true;
    rules
}

/// EIP-161 between the transactions of a block: an account that one of them touched and
/// left empty is gone for the next. The machine clears only at the end of a block, and
/// would take such an account for one that exists when it refunds an authorization
/// (EIP-7702): call this before a transaction that has some. Gives whom it concerns, to be
/// marked as touched again for the end.
pub fn forget_empty(state: &mut EvmState) -> Vec<Address> {
    let mut gone = Vec::new();
    for (address, account) in state.iter_mut() {
        let is_plain = !account.is_created() && !account.is_selfdestructed();
        if account.is_touched() && account.is_empty() && is_plain {
            account.unmark_touch();
            account.status |= AccountStatus::LoadedAsNotExisting;
            gone.push(*address);
        }
    }
    gone
}

/// An EVM over a database.
pub type Machine<DB, INSP = ()> = MainnetEvm<MainnetContext<DB>, INSP>;

pub fn context<DB: Database>(
    db: DB,
    rules: CfgEnv,
    block: BlockEnv,
) -> MainnetContext<DB> {
    Context::mainnet().with_db(db).with_cfg(rules).with_block(block)
}
