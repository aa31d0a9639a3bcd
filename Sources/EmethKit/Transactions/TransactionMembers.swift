/// Takes members out of the JSON form of a transaction, and names the one that is not as it must be.
struct TransactionMembers {
  private let object: JSONValue

  init(_ json: JSONValue) throws(TransactionError) {
    guard case .object = json else {
      throw .format(field: "transaction", .jsonKind(found: json.kind, allowed: "object"))
    }
    object = json
  }

  /// The number of EIP-2718, which the fees tell when it is left out.
  func type() throws(TransactionError) -> UInt8 {
    let inferred: UInt8
    if self["maxFeePerGas"] != nil || self["maxPriorityFeePerGas"] != nil {
      inferred = 2
    } else {
      inferred = self["accessList"] == nil ? 0 : 1
    }
    let type = try quantity(ifPresent: "type") ?? inferred
    guard type <= 2 else { throw .type(found: type) }
    return type
  }

  /// Throws when a member is there.
  func refuse(_ name: String, inType type: UInt8) throws(TransactionError) {
    guard self[name] == nil else { throw .member(name, problem: "has no place in type \(type)") }
  }

  /// A member, or nil when it is absent or null.
  private subscript(name: String) -> JSONValue? {
    object[name].flatMap { $0 == .null ? nil : $0 }
  }

  /// A quantity, or nil when it is absent.
  func quantity<Number: FixedWidthInteger & UnsignedInteger>(
    ifPresent name: String
  ) throws(TransactionError) -> Number? {
    try read(ifPresent: name) { json throws(FormatError) in try Hex.decodeQuantity(json.stringText()) }
  }

  /// A quantity.
  func quantity<Number: FixedWidthInteger & UnsignedInteger>(
    _ name: String
  ) throws(TransactionError) -> Number {
    guard let number: Number = try quantity(ifPresent: name) else { throw Self.missing(name) }
    return number
  }

  /// An address, or nil when it is absent.
  func address(ifPresent name: String) throws(TransactionError) -> Address? {
    guard let json = self[name] else { return nil }
    return try Self.address(json, of: name)
  }

  /// 32 bytes, or nil when they are absent.
  func bytes32(ifPresent name: String) throws(TransactionError) -> Bytes32? {
    try read(ifPresent: name) { json throws(FormatError) in try Bytes32(hex: Self.hexText(json)) }
  }

  /// The calldata, under its new name, its old one or both.
  func input() throws(TransactionError) -> [UInt8] {
    let (input, data) = (try bytes(ifPresent: "input"), try bytes(ifPresent: "data"))
    guard input == nil || data == nil || input == data else {
      throw .member("data", problem: "differs from input, which is another name for it")
    }
    return input ?? data ?? []
  }

  /// The storage announced; none when the member is absent.
  func accessList() throws(TransactionError) -> [AccessListEntry] {
    let name = "accessList"
    let entries = try read(ifPresent: name) { json throws(FormatError) in try json.arrayElements() }
    var accessList: [AccessListEntry] = []
    for entry in entries ?? [] {
      let parts = try Self.reading(name) { () throws(FormatError) in
        var keys: [Bytes32] = []
        for key in try entry.required("storageKeys").arrayElements() {
          keys.append(try Bytes32(hex: Self.hexText(key)))
        }
        return (address: try entry.required("address"), keys: keys)
      }
      accessList.append(
        AccessListEntry(address: try Self.address(parts.address, of: name), storageKeys: parts.keys))
    }
    return accessList
  }

  static func missing(_ name: String) -> TransactionError {
    .format(field: "transaction", .jsonMissing(key: name))
  }

  private func bytes(ifPresent name: String) throws(TransactionError) -> [UInt8]? {
    try read(ifPresent: name) { json throws(FormatError) in try Hex.decode(Self.hexText(json)) }
  }

  private func read<Value>(
    ifPresent name: String, _ body: (JSONValue) throws(FormatError) -> Value
  ) throws(TransactionError) -> Value? {
    guard let json = self[name] else { return nil }
    return try Self.reading(name) { () throws(FormatError) in try body(json) }
  }

  private static func reading<Value>(
    _ name: String, _ body: () throws(FormatError) -> Value
  ) throws(TransactionError) -> Value {
    do throws(FormatError) {
      return try body()
    } catch {
      throw .format(field: name, error)
    }
  }

  /// Hexadecimal text, in which JSON-RPC always has `0x`.
  private static func hexText(_ json: JSONValue) throws(FormatError) -> String {
    let text = try json.stringText()
    guard text.utf8.starts(with: "0x".utf8) else {
      throw .jsonKind(found: "string without 0x", allowed: "0x and hexadecimal digits")
    }
    return text
  }

  private static func address(_ json: JSONValue, of name: String) throws(TransactionError) -> Address {
    let text = try reading(name) { () throws(FormatError) in try json.stringText() }
    do throws(CryptoError) {
      return try Address(text)
    } catch {
      throw .member(name, problem: "is no address: \(error.message)")
    }
  }
}
