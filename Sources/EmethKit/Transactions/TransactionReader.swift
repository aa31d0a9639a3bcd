/// Takes the fields of a transaction one after another, and names the one that is not as it must be.
struct TransactionReader {
  /// As in ``Transaction/type``.
  let type: UInt8
  /// How many fields stand behind those of ``transaction()``.
  let restCount: Int
  private var fields: RLPReader

  /// A reader of raw bytes; takes no field yet.
  ///
  /// - Parameter restCounts: How many fields may stand behind those of the transaction itself.
  /// - Throws: ``TransactionError/type(found:)``, ``TransactionError/fieldCount(found:allowed:)``,
  ///   ``TransactionError/format(field:_:)``.
  init(
    _ bytes: some Collection<UInt8>, byteLimit: Int, restCounts: (_ type: UInt8) -> [Int]
  ) throws(TransactionError) {
    // Bytes from 0xC0 are the list of a legacy transaction, those below 0x80 a type (EIP-2718).
    let first = bytes.first.flatMap { $0 < 0x80 ? $0 : nil }
    type = first ?? 0
    guard first == nil || type == 1 || type == 2 else { throw .type(found: type) }
    let count: Int
    do throws(FormatError) {
      var whole = try RLPReader(bytes, skipping: first == nil ? 0 : 1, byteLimit: byteLimit)
      fields = try whole.list()
      try whole.finish()
      count = try fields.count()
    } catch {
      throw .format(field: "transaction", error)
    }
    let ownCount = [6, 8, 9][Int(type)]
    let allowed = restCounts(type)
    guard allowed.contains(count - ownCount) else {
      throw .fieldCount(found: count, allowed: allowed.map { ownCount + $0 })
    }
    restCount = count - ownCount
  }

  /// Takes the fields of the transaction itself; a legacy one is given without a chain ID.
  mutating func transaction() throws(TransactionError) -> Transaction {
    let chainId: UInt64 = type == 0 ? 0 : try unsigned("chainId")
    let nonce: UInt64 = try unsigned("nonce")
    let price: UInt256 = try unsigned(type == 2 ? "maxPriorityFeePerGas" : "gasPrice")
    let maximum: UInt256 = type == 2 ? try unsigned("maxFeePerGas") : price
    let gasLimit: UInt64 = try unsigned("gas")
    let to = try address()
    let value: UInt256 = try unsigned("value")
    let data = try read("input") { reader throws(FormatError) in Array(try reader.byteString()) }
    let accessList = type == 0 ? [] : try read("accessList", Self.accessList)
    let kind: Transaction.Kind =
      switch type {
      case 1: .accessList(chainId: chainId, gasPrice: price, accessList: accessList)
      case 2:
        .dynamicFee(
          chainId: chainId, maxPriorityFeePerGas: price, maxFeePerGas: maximum, accessList: accessList)
      default: .legacy(chainId: nil, gasPrice: price)
      }
    return try Transaction(
      kind: kind, nonce: nonce, gasLimit: gasLimit, to: to, value: value, data: data)
  }

  /// Takes a number.
  mutating func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    _ field: String
  ) throws(TransactionError) -> Number {
    try read(field) { reader throws(FormatError) in try reader.unsigned() }
  }

  /// Takes a byte string that must be empty.
  mutating func nothing(_ field: String) throws(TransactionError) {
    _ = try read(field) { reader throws(FormatError) in try reader.byteString(count: 0) }
  }

  private mutating func address() throws(TransactionError) -> Address? {
    try read("to") { reader throws(FormatError) in
      var ahead = reader
      if try ahead.byteString().isEmpty {
        reader = ahead
        return nil
      }
      return try reader.address()
    }
  }

  private static func accessList(_ reader: inout RLPReader) throws(FormatError) -> [AccessListEntry] {
    var list = try reader.list()
    var entries: [AccessListEntry] = []
    while !list.isAtEnd {
      var entry = try list.list()
      let address = try entry.address()
      var keys = try entry.list()
      try entry.finish()
      var storageKeys: [Bytes32] = []
      while !keys.isAtEnd { storageKeys.append(try keys.bytes32()) }
      entries.append(AccessListEntry(address: address, storageKeys: storageKeys))
    }
    return entries
  }

  private mutating func read<Value>(
    _ field: String, _ body: (inout RLPReader) throws(FormatError) -> Value
  ) throws(TransactionError) -> Value {
    do throws(FormatError) {
      return try body(&fields)
    } catch {
      throw .format(field: field, error)
    }
  }
}

extension RLPReader {
  fileprivate mutating func address() throws(FormatError) -> Address {
    let offset = position
    let bytes = try byteString(count: 20)
    guard let address = Address(bytes: bytes) else {
      throw .rlp(.byteCount(found: bytes.count, allowed: 20), at: offset)
    }
    return address
  }

  fileprivate mutating func bytes32() throws(FormatError) -> Bytes32 {
    let offset = position
    let bytes = try byteString(count: 32)
    guard let value = Bytes32(bytes) else {
      throw .rlp(.byteCount(found: bytes.count, allowed: 32), at: offset)
    }
    return value
  }
}
