/// The types of one EIP-712 document, read once and checked.
struct TypedDataSchema {
  /// The type of a member: how its values are encoded.
  indirect enum MemberType {
    case plain(ABIType)
    case structure(String)
    case array(of: MemberType, count: Int?)
  }

  struct Member {
    let name: String
    let type: MemberType
    /// The type as the document writes it, which is how it is hashed.
    let text: String
  }

  static let domainType = "EIP712Domain"
  /// The most types of one document.
  static let typeLimit = 256
  /// The most bytes of all names and types of one document: hashing a type takes in every type that it names.
  static let textLimit = 1 << 16

  private let types: [String: [Member]]
  private let recursive: Set<String>

  /// The members of a domain in the order of EIP-712.
  private static let domainMembers = [
    ("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"),
    ("salt", "bytes32"),
  ]

  /// Reads the types; without a type for the domain it is that of the members which the domain has.
  init(types json: JSONValue, domain: JSONValue) throws(CryptoError) {
    guard case .object(let definitions) = json else {
      throw .typedData(at: "types", problem: "found \(json.kind), needed is an object")
    }
    guard definitions.count <= Self.typeLimit else {
      throw .typedData(
        at: "types", problem: "found \(definitions.count) types, allowed are \(Self.typeLimit)")
    }
    var texts: [String: [(name: String, type: String)]] = [:]
    var byteCount = 0
    for definition in definitions {
      guard Self.isName(definition.key), Self.plainType(definition.key) == nil else {
        throw .typedData(at: "types", problem: "\(quoted(definition.key)) is no name of a type")
      }
      let members = try Self.members(definition.value, at: "types.\(definition.key)")
      byteCount += members.reduce(definition.key.utf8.count) { $0 + $1.name.utf8.count + $1.type.utf8.count }
      texts[definition.key] = members
    }
    guard byteCount <= Self.textLimit else {
      throw .typedData(
        at: "types", problem: "names and types have \(byteCount) bytes, allowed are \(Self.textLimit)")
    }
    if let declared = texts[Self.domainType] {
      try Self.checkDomain(declared)
    } else {
      texts[Self.domainType] = Self.domainMembers.filter { domain[$0.0] != nil }
    }
    var types: [String: [Member]] = [:]
    for (name, members) in texts {
      types[name] = try members.map { member throws(CryptoError) in
        let isStruct = { texts[$0] != nil }
        guard let type = Self.memberType(member.type, isStruct: isStruct) else {
          throw .typedData(
            at: "types.\(name).\(member.name)", problem: "\(quoted(member.type)) is no type")
        }
        return Member(name: member.name, type: type, text: member.type)
      }
    }
    self.types = types
    recursive = Set(types.keys.filter { Self.reachable(from: $0, in: types).contains($0) })
  }

  /// The members of a type, or nil when there is no such type.
  func members(of type: String) -> [Member]? { types[type] }

  /// Whether values of a type can hold values of the same type, directly or in another type.
  func isRecursive(_ type: String) -> Bool { recursive.contains(type) }

  /// The text of a type and, behind it, of all types that it names, sorted (encodeType).
  func encodedType(_ name: String) throws(CryptoError) -> String {
    guard types[name] != nil else { throw .typedData(at: name, problem: "is no type of this document") }
    var others = Self.reachable(from: name, in: types)
    others.remove(name)
    return ([name] + others.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }).map { type in
      let members = (types[type] ?? []).map { "\($0.text) \($0.name)" }
      return "\(type)(\(members.joined(separator: ",")))"
    }.joined()
  }

  /// The types that a type names, and those that they name; itself only when it is one of them.
  private static func reachable(from name: String, in types: [String: [Member]]) -> Set<String> {
    var found: Set<String> = []
    var open = [name]
    while let next = open.popLast() {
      for member in types[next] ?? [] {
        if let base = structName(of: member.type), found.insert(base).inserted {
          open.append(base)
        }
      }
    }
    return found
  }

  private static func structName(of type: MemberType) -> String? {
    switch type {
    case .plain: nil
    case .structure(let name): name
    case .array(let element, _): structName(of: element)
    }
  }
}

extension TypedDataSchema {
  private static func members(
    _ json: JSONValue, at place: String
  ) throws(CryptoError) -> [(name: String, type: String)] {
    guard case .array(let elements) = json else {
      throw .typedData(at: place, problem: "found \(json.kind), needed is an array")
    }
    var members: [(name: String, type: String)] = []
    var names: Set<String> = []
    for element in elements {
      guard case .string(let name)? = element["name"], case .string(let type)? = element["type"] else {
        throw .typedData(at: place, problem: "a member needs a name and a type")
      }
      guard isName(name), names.insert(name).inserted else {
        throw .typedData(at: place, problem: "\(quoted(name)) is no name, or stands twice")
      }
      members.append((name, type))
    }
    return members
  }

  /// EIP-712 lets nobody add members to the domain: what a wallet does not know it can't show.
  private static func checkDomain(_ members: [(name: String, type: String)]) throws(CryptoError) {
    for member in members where !domainMembers.contains(where: { $0 == member }) {
      throw .typedData(
        at: "types.\(domainType)",
        problem: "\(quoted("\(member.type) \(member.name)")) is no member of a domain, which are "
          + domainMembers.map { "\($0.1) \($0.0)" }.joined(separator: ", "))
    }
  }

  /// Letters, digits, `_` and `$`, not starting with a digit: nothing that could forge the text of a type.
  private static func isName(_ text: String) -> Bool {
    text.utf8.allSatisfy(\.isNameByte) && text.utf8.first.map { !$0.isDecimalDigit } ?? false
  }

  private static func plainType(_ name: String) -> ABIType? {
    guard let type = try? ABIType(parsing: name), type.depth == 0, type.description == name else {
      return nil
    }
    return type
  }

  /// The type of a text such as `Person[2][]`; nil when there is none of that name.
  private static func memberType(_ text: String, isStruct: (String) -> Bool) -> MemberType? {
    let parts = text.utf8.split(separator: UInt8(ascii: "["), omittingEmptySubsequences: false)
    let base = String(decoding: parts[0], as: UTF8.self)
    var type: MemberType
    if isName(base), isStruct(base) {
      type = .structure(base)
    } else if let plain = plainType(base) {
      type = .plain(plain)
    } else {
      return nil
    }
    guard parts.count - 1 <= ABIType.depthLimit else { return nil }
    for part in parts.dropFirst() {
      guard part.last == UInt8(ascii: "]") else { return nil }
      let digits = String(decoding: part.dropLast(), as: UTF8.self)
      if digits.isEmpty {
        type = .array(of: type, count: nil)
      } else if let count = UInt32(decimal: digits) {
        type = .array(of: type, count: Int(count))
      } else {
        return nil
      }
    }
    return type
  }
}
