import EmethKit
import Testing

/// The JSON of EIP-712 beyond the mail of the specification: recursion, limits, places, random documents.
@Suite struct TypedDataTests {
  /// A document with the members of type `A` and the message's text.
  private func document(
    _ types: String, primary: String = "A", domain: String = "{}", message: String
  ) throws -> JSONValue {
    try JSONValue(
      parsing: """
        {"types":{\(types)},"primaryType":"\(primary)","domain":\(domain),"message":\(message)}
        """)
  }

  private func place(_ document: JSONValue) -> String? {
    do throws(CryptoError) {
      _ = try TypedData(json: document)
      return nil
    } catch {
      guard case .typedData(let place, let problem) = error, !problem.isEmpty else { return "?" }
      return place
    }
  }

  private let person =
    #""Person":[{"name":"name","type":"string"},{"name":"parent","type":"Person"},"#
    + #"{"name":"friends","type":"Person[]"}]"#

  @Test func typesMayHoldThemselves() throws {
    let message = #"{"name":"a","parent":{"name":"b","parent":null,"friends":[]},"friends":[null]}"#
    let data = try TypedData(json: document(person, primary: "Person", message: message))
    #expect(data.encodedType == "Person(string name,Person parent,Person[] friends)")
    let typeHash = Keccak256.hash(data.encodedType.utf8).bytes
    let empty = Keccak256.hash([]).bytes
    let parent = Keccak256.hash(typeHash + Keccak256.hash("b".utf8).bytes + Bytes32.zero.bytes + empty)
    #expect(
      data.encodedMessage == typeHash + Keccak256.hash("a".utf8).bytes + parent.bytes
        + Keccak256.hash(Bytes32.zero.bytes).bytes)
    // In a circle of two types, too; but elsewhere null is no value.
    let circle = #""A":[{"name":"b","type":"B"}],"B":[{"name":"a","type":"A[2]"}]"#
    #expect(try place(document(circle, message: #"{"b":{"a":[null,{"b":null}]}}"#)) == nil)
    let line = #""A":[{"name":"b","type":"B"}],"B":[{"name":"x","type":"bool"}]"#
    #expect(try place(document(line, message: #"{"b":null}"#)) == "message.b")
    let plain = #""A":[{"name":"x","type":"string"}]"#
    #expect(try place(document(plain, message: #"{"x":null}"#)) == "message.x")
  }

  @Test func placesNameEveryStep() throws {
    let types =
      #""A":[{"name":"list","type":"B[2][]"}],"#
      + #""B":[{"name":"to","type":"address"},{"name":"n","type":"int16"}]"#
    func message(_ to: String, _ number: String) -> String {
      #"{"list":[[{"to":"0x0000000000000000000000000000000000000001","n":1},{"to":\#(to),"n":\#(number)}]]}"#
    }
    let good = "\"0x00000000000000000000000000000000000000ff\""
    #expect(try place(document(types, message: message(good, "-32768"))) == nil)
    #expect(try place(document(types, message: message(good, "-32769"))) == "message.list[0][1].n")
    #expect(try place(document(types, message: message("\"0x12\"", "1"))) == "message.list[0][1].to")
    #expect(try place(document(types, message: message("7", "1"))) == "message.list[0][1].to")
    #expect(
      try place(document(types, message: message("\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed\"", "1")))
        == "message.list[0][1].to", "a wrong checksum")
    #expect(try place(document(types, message: #"{"list":[[]]}"#)) == "message.list[0]")
    #expect(try place(document(types, message: #"{"list":[[1,2]]}"#)) == "message.list[0][0]")
    #expect(try place(document(types, message: #"{"list":{}}"#)) == "message.list")
    #expect(try place(document(types, message: "[]")) == "message")
  }

  @Test func theDomainIsThatOfTheStandard() throws {
    let a = #""A":[]"#
    let salt = "\"0x" + String(repeating: "ab", count: 32) + "\""
    let all =
      #"{"name":"n","version":"1","chainId":"0x1","#
      + #""verifyingContract":"\#(Address.zero)","salt":\#(salt)}"#
    let data = try TypedData(json: document(a, domain: all, message: "{}"))
    let typeText =
      "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    let expected =
      Keccak256.hash(typeText.utf8).bytes + Keccak256.hash("n".utf8).bytes + Keccak256.hash("1".utf8).bytes
      + ABI.word(1 as UInt256) + ABI.word(Address.zero) + [UInt8](repeating: 0xab, count: 32)
    #expect(data.separator == Keccak256.hash(expected))
    // Declared in another order the domain is another one.
    let declared =
      a + #","EIP712Domain":[{"name":"version","type":"string"},{"name":"name","type":"string"}]"#
    let other = try TypedData(
      json: document(declared, domain: #"{"name":"n","version":"1"}"#, message: "{}"))
    #expect(
      other.separator
        == Keccak256.hash(
          Keccak256.hash("EIP712Domain(string version,string name)".utf8).bytes
            + Keccak256.hash("1".utf8).bytes + Keccak256.hash("n".utf8).bytes))
    for member in [#"{"name":"owner","type":"address"}"#, #"{"name":"chainId","type":"string"}"#] {
      let types = a + #","EIP712Domain":[\#(member)]"#
      #expect(try place(document(types, domain: #"{"chainId":"1"}"#, message: "{}")) == "types.EIP712Domain")
    }
    #expect(try place(document(a, domain: #"{"salt":"0x12"}"#, message: "{}")) == "domain.salt")
    #expect(try place(document(a, domain: #"{"owner":1}"#, message: "{}")) == "domain")
    #expect(try place(document(a, domain: "7", message: "{}")) == "domain")
    #expect(try place(document(a, primary: "EIP712Domain", message: "{}")) == "primaryType")
  }

  /// What looks like a name to a reader, or to Swift, must be it byte for byte.
  @Test func namesAreComparedByTheirBytes() throws {
    let kelvin = "\u{212A}"
    let types = #""A":[{"name":"K","type":"bool"}]"#
    #expect(try place(document(types, message: #"{"K":true}"#)) == nil)
    #expect(try place(document(types, message: #"{"\#(kelvin)":true}"#)) == "message.K")
    #expect(try place(document(types, message: #"{"K":true,"\#(kelvin)":false}"#)) == "message")
    let structure = #""K":[],"A":[{"name":"x","type":"\#(kelvin)"}]"#
    #expect(try place(document(structure, message: #"{"x":{}}"#)) == "types.A.x")
    #expect(try place(document(#""\#(kelvin)":[]"#, message: "{}")) == "types")
    // A type can't take the name of an elementary one.
    for name in ["address", "uint256", "bytes32", "bool"] {
      #expect(try place(document(#""A":[],"\#(name)":[]"#, message: "{}")) == "types", "\(name)")
    }
    // Only EIP-712's own names of elementary types: no aliases, no tuples.
    for type in [
      "uint", "int", "(bool)", "bytes ", "Bool", "A[", "A[-1]", "A[01]", "A]", "", "[]", "A[][", "A[]x",
    ] {
      let types = #""A":[{"name":"x","type":"\#(type)"}]"#
      #expect(try place(document(types, message: #"{"x":[]}"#)) == "types.A.x", "\(type)")
    }
  }

  @Test func limitsHold() throws {
    func types(_ count: Int) -> String {
      (0..<count).map { #""T\#($0)":[{"name":"x","type":"T\#(($0 + 1) % count)"}]"# }.joined(separator: ",")
    }
    let message = #"{"x":null}"#
    #expect(try place(document(types(256), primary: "T0", message: message)) == nil)
    #expect(try place(document(types(257), primary: "T0", message: message)) == "types")
    let long = String(repeating: "x", count: 65_530)
    #expect(
      try place(document(#""A":[{"name":"\#(long)","type":"bool"}]"#, message: #"{"\#(long)":true}"#)) == nil)
    #expect(
      try place(document(#""A":[{"name":"\#(long)xx","type":"bool"}]"#, message: "{}")) == "types")
    let deep = String(repeating: "[]", count: 32)
    #expect(try place(document(#""A":[{"name":"x","type":"bool\#(deep)"}]"#, message: #"{"x":[]}"#)) == nil)
    #expect(
      try place(document(#""A":[{"name":"x","type":"bool\#(deep)[]"}]"#, message: #"{"x":[]}"#))
        == "types.A.x")
    #expect(
      try place(document(#""A":[{"name":"x","type":"bool[4294967296]"}]"#, message: #"{"x":[]}"#))
        == "types.A.x")
    #expect(
      try place(document(#""A":[{"name":"x","type":"bool[4294967295]"}]"#, message: #"{"x":[]}"#))
        == "message.x")
    let digits = String(repeating: "9", count: 100_000)
    for number in [
      digits, "\"\(digits)\"", "\"0x\(digits)\"", "-\(digits)", "1e77", "1.5", "\"\"", "\"-\"", "\"0x\"",
    ] {
      let types = #""A":[{"name":"x","type":"int256"}]"#
      #expect(try place(document(types, message: #"{"x":\#(number)}"#)) == "message.x", "\(number.prefix(9))")
    }
  }

  @Test(arguments: [
    ("int8", "-0", true), ("uint8", "\"-0\"", true), ("int8", "\"-0x80\"", true),
    ("int8", "\"-0x81\"", false),
    ("int8", "\"0x80\"", false), ("int8", "\"0x7f\"", true),
    ("int256", "\"0x8" + String(repeating: "0", count: 63) + "\"", false),
    ("int256", "\"-0x8" + String(repeating: "0", count: 63) + "\"", true), ("uint8", "\"0XFF\"", false),
    ("uint8", "\"0xFF\"", true), ("uint8", "\"+1\"", false), ("uint8", "\" 1\"", false),
    ("uint8", "\"01\"", false),
    ("uint8", "\"0x0001\"", true), ("uint8", "\"1_0\"", false), ("uint16", "\"٣\"", false),
    ("int8", "\"--1\"", false),
  ])
  func integersHaveOneMeaning(type: String, value: String, allowed: Bool) throws {
    let types = #""A":[{"name":"x","type":"\#(type)"}]"#
    #expect(try place(document(types, message: #"{"x":\#(value)}"#)) == (allowed ? nil : "message.x"))
  }

  @Test func damagedDocumentsNeverTrap() throws {
    var random = RandomABI()
    for _ in 0..<scaled(50) {
      let text = Array(try RandomDocument(using: &random).text.utf8)
      for _ in 0..<20 {
        var damaged = text
        let index = Int.random(in: 0..<damaged.count, using: &random.generator)
        switch Int.random(in: 0..<3, using: &random.generator) {
        case 0: damaged[index] = UInt8.random(in: 32...126, using: &random.generator)
        case 1: damaged.remove(at: index)
        default:
          damaged.insert(damaged[Int.random(in: 0..<damaged.count, using: &random.generator)], at: index)
        }
        guard let json = try? JSONValue(parsing: String(decoding: damaged, as: UTF8.self)) else { continue }
        _ = try? TypedData(json: json)
      }
    }
  }

  @Test(.enabled(if: PythonOracle.isAvailable, PythonOracle.reason))
  func anIndependentImplementationAgrees() throws {
    var random = RandomABI()
    for _ in 0..<scaled(1) {
      var documents = try (0..<200).map { _ in try RandomDocument(using: &random).text }
      documents.append(
        #"{"types":{"EIP712Domain":[],\#(person)},"primaryType":"Person","domain":{},"message":"#
          + #"{"name":"a","parent":{"name":"b","parent":null,"friends":[]},"friends":[]}}"#)
      let output = try PythonOracle.run(
        "typed_data_oracle", input: documents.joined(separator: "\n") + "\n")
      let digests = output.split(separator: "\n")
      #expect(digests.count == documents.count)
      for (document, digest) in zip(documents, digests) {
        let data = try TypedData(json: JSONValue(parsing: document))
        #expect(data.digest.description == digest, "\(document)")
      }
    }
  }
}

/// A random document: structs that name each other, arrays of all kinds, and values for them.
private struct RandomDocument {
  let text: String

  init(using random: inout RandomABI) throws {
    // Each struct names only those behind it, so that values end, and the next one first, so that none is
    // left over: eth-account looks for the primary type by what nothing names.
    let names = (0..<Int.random(in: 1...4, using: &random.generator)).map { "Struct\($0)" }
    var types: [JSONValue.Member] = []
    var values: [String: JSONValue] = [:]
    for index in names.indices.reversed() {
      var members: [JSONValue] = []
      var content: [JSONValue.Member] = []
      for position in 0..<Int.random(in: 1...4, using: &random.generator) {
        let later = names[(index + 1)...]
        let inner = position == 0 ? later.first : later.randomElement(using: &random.generator)
        let (type, value) = try Self.member(
          inner: inner, isStruct: position == 0, values, using: &random)
        members.append(.object([.init("name", .string("m\(position)")), .init("type", .string(type))]))
        content.append(.init("m\(position)", value))
      }
      types.append(.init(names[index], .array(members)))
      values[names[index]] = .object(content)
    }
    let domainTypes = [
      ("name", "string"), ("version", "string"), ("chainId", "uint256"), ("salt", "bytes32"),
    ]
    let domain = domainTypes.filter { _ in Bool.random(using: &random.generator) }
    types.append(
      .init(
        "EIP712Domain",
        .array(domain.map { .object([.init("name", .string($0.0)), .init("type", .string($0.1))]) })))
    let domainValues = try domain.map {
      let type = try ABIType(parsing: $0.1)
      return JSONValue.Member($0.0, random.value(type).oracleJSON(type))
    }
    text = try JSONValue.object([
      .init("types", .object(types)), .init("primaryType", .string(names[0])),
      .init("domain", .object(domainValues)), .init("message", values[names[0]] ?? .null),
    ]).canonical
  }

  /// The type and a value of a member: elementary, a struct, or an array of either.
  private static func member(
    inner: String?, isStruct: Bool, _ values: [String: JSONValue], using random: inout RandomABI
  ) throws -> (String, JSONValue) {
    var type: String
    var value: JSONValue
    let elementary = try random.type(depth: 0)
    if let inner, let structure = values[inner], isStruct || Bool.random(using: &random.generator) {
      (type, value) = (inner, structure)
    } else {
      (type, value) = (elementary.description, random.value(elementary).oracleJSON(elementary))
    }
    for _ in 0..<Int.random(in: 0...2, using: &random.generator) {
      let count = Int.random(in: 1...3, using: &random.generator)
      type += Bool.random(using: &random.generator) ? "[]" : "[\(count)]"
      value = .array([JSONValue](repeating: value, count: count))
    }
    return (type, value)
  }
}
