import EmethKit

/// Takes the members of a node's answer as this project's types, and names the one that is not as it must be.
struct RPCReader {
  let method: String
  let json: JSONValue

  func quantity<Number: FixedWidthInteger & UnsignedInteger>(
    _ name: String, as type: Number.Type = Number.self
  ) throws(ChainError) -> Number {
    guard let number: Number = try quantity(ifPresent: name) else { throw missing(name) }
    return number
  }

  func quantity<Number: FixedWidthInteger & UnsignedInteger>(
    ifPresent name: String, as type: Number.Type = Number.self
  ) throws(ChainError) -> Number? {
    guard let text = try text(ifPresent: name) else { return nil }
    return try reading(name) { () throws(FormatError) in try Hex.decodeQuantity(text) }
  }

  func bytes32(_ name: String) throws(ChainError) -> Bytes32 {
    guard let text = try text(ifPresent: name) else { throw missing(name) }
    return try reading(name) { () throws(FormatError) in try Bytes32(hex: text) }
  }

  func bytes(_ name: String) throws(ChainError) -> [UInt8] {
    guard let text = try text(ifPresent: name) else { throw missing(name) }
    return try reading(name) { () throws(FormatError) in try Hex.decode(text) }
  }

  func address(ifPresent name: String) throws(ChainError) -> Address? {
    guard let text = try text(ifPresent: name) else { return nil }
    // Nodes write addresses in lower case or with a checksum: the bytes count.
    let bytes = try reading(name) { () throws(FormatError) in try Hex.decode(text) }
    guard let address = Address(bytes: bytes) else { throw wrong(name, "is no address") }
    return address
  }

  func address(_ name: String) throws(ChainError) -> Address {
    guard let address = try address(ifPresent: name) else { throw missing(name) }
    return address
  }

  func elements(_ name: String) throws(ChainError) -> [JSONValue] {
    guard let value = json[name] else { throw missing(name) }
    return try reading(name) { () throws(FormatError) in try value.arrayElements() }
  }

  private func text(ifPresent name: String) throws(ChainError) -> String? {
    guard case .object = json else { throw wrong("answer", "is \(json.kind), not an object") }
    guard let value = json[name], value != .null else { return nil }
    return try reading(name) { () throws(FormatError) in try value.stringText() }
  }

  private func missing(_ name: String) -> ChainError { wrong(name, "is missing") }

  private func wrong(_ name: String, _ problem: String) -> ChainError {
    .malformed(method: method, reason: "\(name) \(problem)")
  }

  private func reading<Value>(
    _ name: String, _ body: () throws(FormatError) -> Value
  ) throws(ChainError) -> Value {
    do throws(FormatError) {
      return try body()
    } catch {
      throw wrong(name, "is broken: \(error.message)")
    }
  }
}

extension JSONValue {
  /// A whole answer that is one quantity.
  func quantity<Number: FixedWidthInteger & UnsignedInteger>(
    of method: String, as type: Number.Type = Number.self
  ) throws(ChainError) -> Number {
    do throws(FormatError) {
      return try Hex.decodeQuantity(stringText())
    } catch {
      throw .malformed(method: method, reason: error.message)
    }
  }

  /// A whole answer that is bytes.
  func hexBytes(of method: String) throws(ChainError) -> [UInt8] {
    do throws(FormatError) {
      return try Hex.decode(stringText())
    } catch {
      throw .malformed(method: method, reason: error.message)
    }
  }

  static func hex(_ number: some FixedWidthInteger & UnsignedInteger) -> JSONValue {
    .string(Hex.encodeQuantity(number))
  }

  static func hex(_ bytes: some Collection<UInt8>) -> JSONValue { .string(Hex.encode(bytes)) }

  static func hex(_ address: Address) -> JSONValue { hex(address.bytes) }
}
