extension Transaction {
  /// The form in which wallets and nodes exchange a transaction (Ethereum's JSON-RPC): an object of `type`,
  /// `chainId`, `nonce`, `to` (null for a creation), `gas`, `value`, `input`, the fees and `accessList`.
  ///
  /// Numbers are hexadecimal quantities, not the decimal strings of this protocol's own JSON, and addresses
  /// have their checksum.
  public var json: JSONValue { .object(jsonMembers) }

  /// The transaction of its JSON-RPC form.
  ///
  /// `type` may be left out where the fees tell it, `value`, `input` and `accessList` where they are zero or
  /// empty; `data` is an old name of `input`. Other members are ignored, except fees of another type.
  ///
  /// - Throws: ``TransactionError`` with the member that is wrong.
  public init(json: JSONValue) throws(TransactionError) {
    let members = try TransactionMembers(json)
    try self.init(members)
    if case .dynamicFee = kind { try members.refuse("gasPrice", inType: 2) }
  }

  /// The transaction of its members; in type 2 nodes tell with `gasPrice` what was paid, which is let pass.
  init(_ members: TransactionMembers) throws(TransactionError) {
    let type = try members.type()
    if type < 2 {
      try members.refuse("maxFeePerGas", inType: type)
      try members.refuse("maxPriorityFeePerGas", inType: type)
    }
    let accessList = try members.accessList()
    let kind: Kind
    switch type {
    case 1:
      kind = .accessList(
        chainId: try members.quantity("chainId"), gasPrice: try members.quantity("gasPrice"),
        accessList: accessList)
    case 2:
      kind = .dynamicFee(
        chainId: try members.quantity("chainId"),
        maxPriorityFeePerGas: try members.quantity("maxPriorityFeePerGas"),
        maxFeePerGas: try members.quantity("maxFeePerGas"), accessList: accessList)
    default:
      guard accessList.isEmpty else { throw .member("accessList", problem: "is not empty in type 0") }
      kind = .legacy(
        chainId: try members.quantity(ifPresent: "chainId"), gasPrice: try members.quantity("gasPrice"))
    }
    try self.init(
      kind: kind, nonce: members.quantity("nonce"), gasLimit: members.quantity("gas"),
      to: members.address(ifPresent: "to"), value: members.quantity(ifPresent: "value") ?? .zero,
      data: members.input())
  }

  var jsonMembers: [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("type", .quantity(type)), .init("nonce", .quantity(nonce)), .init("gas", .quantity(gasLimit)),
      .init("to", to.map { .string($0.description) } ?? .null), .init("value", .quantity(value)),
      .init("input", .string(Hex.encode(data))),
    ]
    if let chainId { members.append(.init("chainId", .quantity(chainId))) }
    switch kind {
    case .legacy(_, let gasPrice):
      members.append(.init("gasPrice", .quantity(gasPrice)))
    case .accessList(_, let gasPrice, let accessList):
      members += [.init("gasPrice", .quantity(gasPrice)), .init("accessList", Self.json(accessList))]
    case .dynamicFee(_, let priority, let maximum, let accessList):
      members += [
        .init("maxPriorityFeePerGas", .quantity(priority)), .init("maxFeePerGas", .quantity(maximum)),
        .init("accessList", Self.json(accessList)),
      ]
    }
    return members
  }

  private static func json(_ accessList: [AccessListEntry]) -> JSONValue {
    .array(
      accessList.map { entry in
        .object([
          .init("address", .string(entry.address.description)),
          .init("storageKeys", .array(entry.storageKeys.map { .string($0.description) })),
        ])
      })
  }
}

extension JSONValue {
  static func quantity(_ number: some FixedWidthInteger & UnsignedInteger) -> JSONValue {
    .string(Hex.encodeQuantity(number))
  }
}
