/// Encodes JSON values by the types of one EIP-712 document.
struct TypedDataEncoder {
  private let schema: TypedDataSchema
  private var typeHashes: [String: Bytes32] = [:]
  private var path = ValuePath()

  init(schema: TypedDataSchema) {
    self.schema = schema
  }

  /// The type hash and the 32 bytes of each member of a value that the document calls `name`.
  mutating func encodedStruct(
    _ type: String, _ value: JSONValue, named name: String
  ) throws(CryptoError) -> [UInt8] {
    path = ValuePath(name)
    return try encodedStruct(type, value)
  }

  private mutating func encodedStruct(_ type: String, _ value: JSONValue) throws(CryptoError) -> [UInt8] {
    let hash = try typeHash(type)
    guard let members = schema.members(of: type), case .object(let found) = value else {
      throw broken("found \(value.kind), needed is an object of type \(quoted(type))")
    }
    // By bytes: Swift's own comparison takes some other characters for letters of ASCII.
    var values: [[UInt8]: JSONValue] = [:]
    for member in found {
      values[Array(member.key.utf8)] = member.value
    }
    var output = hash.bytes
    output.reserveCapacity(32 * (members.count + 1))
    for member in members {
      path.enter(name: member.name)
      guard let value = values.removeValue(forKey: Array(member.name.utf8)) else {
        throw broken("is missing")
      }
      try append(member.type, value, to: &output)
      path.leave()
    }
    if let unknown = values.keys.min(by: { $0.lexicographicallyPrecedes($1) }) {
      throw broken("\(quoted(String(decoding: unknown, as: UTF8.self))) is no member of type \(quoted(type))")
    }
    return output
  }

  /// Appends the 32 bytes that stand for a value: itself, or the hash of what has no fixed length.
  private mutating func append(
    _ type: TypedDataSchema.MemberType, _ value: JSONValue, to output: inout [UInt8]
  ) throws(CryptoError) {
    switch type {
    case .plain(let plain):
      switch try plain.typedDataValue(value, at: path) {
      case .bytes(let content): append(Keccak256.hash(content), to: &output)
      case .string(let text): append(Keccak256.hash(text.utf8), to: &output)
      case let word: output += ABI.encode([word])
      }
    case .structure(let name):
      // A type that holds itself ends somewhere: there `null` stands for 32 zero bytes, as wallets write it.
      if case .null = value, schema.isRecursive(name) {
        append(.zero, to: &output)
      } else {
        append(Keccak256.hash(try encodedStruct(name, value)), to: &output)
      }
    case .array(let element, let count):
      guard case .array(let elements) = value else {
        throw broken("found \(value.kind), needed is an array")
      }
      if let count, count != elements.count {
        throw broken("found \(elements.count) elements, needed are \(count)")
      }
      var inner: [UInt8] = []
      inner.reserveCapacity(32 * elements.count)
      for (index, member) in elements.enumerated() {
        path.enter(element: index)
        try append(element, member, to: &inner)
        path.leave()
      }
      append(Keccak256.hash(inner), to: &output)
    }
  }

  private func append(_ word: Bytes32, to output: inout [UInt8]) {
    word.withUnsafeBytes { output += $0 }
  }

  private mutating func typeHash(_ name: String) throws(CryptoError) -> Bytes32 {
    if let hash = typeHashes[name] { return hash }
    let hash = Keccak256.hash(try schema.encodedType(name).utf8)
    typeHashes[name] = hash
    return hash
  }

  private func broken(_ problem: String) -> CryptoError {
    .typedData(at: path.description, problem: problem)
  }
}
