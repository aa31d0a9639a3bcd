/// Encodes JSON values by the types of one EIP-712 document.
struct TypedDataEncoder {
  static let domainType = "EIP712Domain"

  private struct Field {
    let name: String
    let type: String
  }

  /// The members of a domain in the order of EIP-712.
  private static let domainFields = [
    Field(name: "name", type: "string"), Field(name: "version", type: "string"),
    Field(name: "chainId", type: "uint256"), Field(name: "verifyingContract", type: "address"),
    Field(name: "salt", type: "bytes32"),
  ]

  private var types: [String: [Field]] = [:]
  private var typeHashes: [String: Bytes32] = [:]

  init(types json: JSONValue, domain: JSONValue) throws(CryptoError) {
    guard case .object(let members) = json else {
      throw .typedData(at: "types", problem: "found \(json.kind), needed is an object")
    }
    for member in members {
      guard Self.isName(member.key) else {
        throw .typedData(at: "types", problem: "\(quoted(member.key)) is no name of a type")
      }
      types[member.key] = try Self.fields(member.value, at: "types.\(member.key)")
    }
    if types[Self.domainType] == nil {
      types[Self.domainType] = Self.domainFields.filter { domain[$0.name] != nil }
    }
  }

  private static func fields(_ json: JSONValue, at place: String) throws(CryptoError) -> [Field] {
    guard case .array(let elements) = json else {
      throw .typedData(at: place, problem: "found \(json.kind), needed is an array")
    }
    var fields: [Field] = []
    var names: Set<[UInt8]> = []
    for element in elements {
      guard case .string(let name)? = element["name"], case .string(let type)? = element["type"] else {
        throw .typedData(at: place, problem: "a member needs a name and a type")
      }
      guard isName(name), names.insert(Array(name.utf8)).inserted else {
        throw .typedData(at: place, problem: "\(quoted(name)) is no name, or stands twice")
      }
      fields.append(Field(name: name, type: type))
    }
    return fields
  }

  /// Letters, digits, `_` and `$`, not starting with a digit: nothing that could forge the text of a type.
  private static func isName(_ text: String) -> Bool {
    let allowed = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"):
        true
      default: false
      }
    }
    return allowed && text.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
  }

  /// The text of a type and, behind it, of all types that it names, sorted.
  func encodedType(_ name: String) throws(CryptoError) -> String {
    guard types[name] != nil else { throw .typedData(at: name, problem: "is no type of this document") }
    var found: Set<String> = [name]
    var open = [name]
    while let next = open.popLast() {
      for field in types[next] ?? [] {
        let base = String(field.type.prefix { $0 != "[" })
        if types[base] != nil, found.insert(base).inserted {
          open.append(base)
        }
      }
    }
    found.remove(name)
    return ([name] + found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }).map { type in
      let members = (types[type] ?? []).map { "\($0.type) \($0.name)" }
      return "\(type)(\(members.joined(separator: ",")))"
    }.joined()
  }

  private mutating func typeHash(_ name: String) throws(CryptoError) -> Bytes32 {
    if let hash = typeHashes[name] { return hash }
    let hash = Keccak256.hash(try encodedType(name).utf8)
    typeHashes[name] = hash
    return hash
  }

  /// The type hash and the 32 bytes of each member.
  mutating func encodedStruct(
    _ type: String, _ value: JSONValue, at place: String
  ) throws(CryptoError) -> [UInt8] {
    let hash = try typeHash(type)
    guard let fields = types[type], case .object(let members) = value else {
      throw .typedData(at: place, problem: "found \(value.kind), needed is an object of type \(quoted(type))")
    }
    var values: [String: JSONValue] = [:]
    for member in members {
      values[member.key] = member.value
    }
    var output = hash.bytes
    for field in fields {
      guard let member = values.removeValue(forKey: field.name) else {
        throw .typedData(at: "\(place).\(field.name)", problem: "is missing")
      }
      output += try encoded(field.type, member, at: "\(place).\(field.name)")
    }
    if let unknown = values.keys.min() {
      throw .typedData(at: place, problem: "\(quoted(unknown)) is no member of type \(quoted(type))")
    }
    return output
  }

  private mutating func encoded(
    _ type: String, _ value: JSONValue, at place: String
  ) throws(CryptoError) -> [UInt8] {
    if type.utf8.last == UInt8(ascii: "]") {
      return try encodedArray(type, value, at: place)
    }
    if types[type] != nil {
      return Keccak256.hash(try encodedStruct(type, value, at: place)).bytes
    }
    guard let plain = try ABIValue(typedDataType: type, value: value, at: place) else {
      throw .typedData(at: place, problem: "\(quoted(type)) is no type")
    }
    return EIP712.encodeData(plain)
  }

  private mutating func encodedArray(
    _ type: String, _ value: JSONValue, at place: String
  ) throws(CryptoError) -> [UInt8] {
    guard let bracket = type.utf8.lastIndex(of: UInt8(ascii: "[")) else {
      throw .typedData(at: place, problem: "\(quoted(type)) is no type")
    }
    guard case .array(let elements) = value else {
      throw .typedData(at: place, problem: "found \(value.kind), needed is an array")
    }
    let length = type[type.index(after: bracket)...].dropLast()
    if !length.isEmpty, UInt32(decimal: length) != UInt32(exactly: elements.count) {
      throw .typedData(at: place, problem: "found \(elements.count) elements for the type \(quoted(type))")
    }
    let elementType = String(type[..<bracket])
    var output: [UInt8] = []
    for (index, element) in elements.enumerated() {
      output += try encoded(elementType, element, at: "\(place)[\(index)]")
    }
    return Keccak256.hash(output).bytes
  }
}
