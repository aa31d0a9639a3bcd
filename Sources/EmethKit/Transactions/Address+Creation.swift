extension Address {
  /// The contract that an account creates with its transaction or, for a contract, with CREATE: the last 20
  /// bytes of keccak256(rlp([creator, nonce])).
  ///
  /// ```swift
  /// let contract = Address(createdBy: key.address, nonce: 0)     // of the account's first transaction
  /// ```
  public init(createdBy creator: Address, nonce: UInt64) {
    let list = RLPValue.list([.bytes(creator.bytes), .integer(nonce)])
    self.init(lastOf: Keccak256.hash(list.encoded))
  }

  /// The contract that a contract creates with CREATE2 (EIP-1014): the last 20 bytes of
  /// keccak256(0xff ‖ creator ‖ salt ‖ hash of the init code).
  public init(createdBy creator: Address, salt: Bytes32, initCodeHash: Bytes32) {
    self.init(lastOf: Keccak256.hash([0xFF] + creator.bytes + salt.bytes + initCodeHash.bytes))
  }
}
