extension SignedTransaction {
  /// The form in which nodes give a transaction back (Ethereum's JSON-RPC): the members of
  /// ``Transaction/json``, the quantities `r`, `s`, `v` and (except in legacy transactions) `yParity`, and
  /// `hash` and `from`, which follow from the others.
  public var json: JSONValue {
    var members = transaction.jsonMembers
    members += [
      .init("v", .quantity(v)), .init("r", .quantity(UInt256(signature.r))),
      .init("s", .quantity(UInt256(signature.s))), .init("hash", .string(hash.description)),
      .init("from", .string(sender.description)),
    ]
    if transaction.type != 0 { members.append(.init("yParity", .quantity(yParity))) }
    return .object(members)
  }

  /// The transaction of its JSON-RPC form.
  ///
  /// `v` or `yParity` is enough, `hash` and `from` may be left out; what is there must agree. Members that
  /// tell of a block, and other unknown ones, are ignored.
  ///
  /// - Throws: ``TransactionError`` with the member that is wrong.
  public init(json: JSONValue) throws(TransactionError) {
    let members = try TransactionMembers(json)
    let transaction = try Transaction(members)
    let yParity: UInt256? = try members.quantity(ifPresent: "yParity")
    let v: UInt256? = try members.quantity(ifPresent: "v")
    guard let number = v ?? (transaction.type == 0 ? nil : yParity) else {
      throw TransactionMembers.missing("v")
    }
    try self.init(transaction, v: number, r: members.quantity("r"), s: members.quantity("s"))

    try agree("chainId", transaction.chainId, self.transaction.chainId)
    try agree("yParity", yParity, UInt256(UInt64(self.yParity)))
    try agree("hash", try members.bytes32(ifPresent: "hash"), hash)
    try agree("from", try members.address(ifPresent: "from"), sender)
  }

  private func agree<Value: Equatable & CustomStringConvertible>(
    _ member: String, _ found: Value?, _ expected: Value?
  ) throws(TransactionError) {
    guard let found, found != expected else { return }
    throw .mismatch(
      member: member, found: found.description, expected: expected?.description ?? "none, by its v")
  }
}
