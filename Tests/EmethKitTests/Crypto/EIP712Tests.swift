import EmethKit
import Foundation
import Testing

/// The structs of the example in EIP-712, "Ether Mail".
private struct Person: EIP712Struct {
  static let eip712Type = "Person(string name,address wallet)"
  let name: String
  let wallet: Address
  var eip712Values: [ABIValue] { [.string(name), .address(wallet)] }
}

private struct Mail: EIP712Struct {
  static let eip712Type = "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
  let from: Person
  let to: Person
  let contents: String
  var eip712Values: [ABIValue] { [.bytes32(from.structHash), .bytes32(to.structHash), .string(contents)] }
}

@Suite struct EIP712Tests {
  private let digest = "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"

  private func mailText() throws -> String {
    let file = try #require(
      Bundle.module.url(forResource: "ether-mail", withExtension: "json", subdirectory: "Fixtures"))
    return try String(contentsOf: file, encoding: .utf8)
  }

  @Test func theMailOfTheSpecification() throws {
    let domain = EIP712Domain(
      name: "Ether Mail", version: "1", chainId: 1,
      verifyingContract: try Address("0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"))
    let mail = Mail(
      from: Person(name: "Cow", wallet: try Address("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826")),
      to: Person(name: "Bob", wallet: try Address("0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB")),
      contents: "Hello, Bob!")
    #expect(
      domain.separator.description == "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f")
    #expect(
      mail.structHash.description == "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e")
    #expect(mail.digest(in: domain).description == digest)

    let key = try PrivateKey(bytes: Keccak256.hash("cow".utf8).bytes)
    let signature = key.sign(mail.digest(in: domain))
    #expect(signature.r.description == "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d")
    #expect(signature.s.description == "0x07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562")
    #expect(signature.v == 28 && key.address == mail.from.wallet)
  }

  @Test func theSameMailAsJSON() throws {
    let data = try TypedData(json: JSONValue(parsing: mailText()))
    #expect(data.digest.description == digest)
    #expect(data.encodedType == Mail.eip712Type && data.primaryType == "Mail")
    #expect(data.structHash == Keccak256.hash(data.encodedMessage))
    #expect(
      Hex.encode(data.encodedMessage.prefix(32))
        == "0xa0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2")
  }

  @Test func emethsDomainIsFixed() throws {
    #expect(
      EIP712Domain.embedded == EIP712Domain(name: "EMETH", version: "1", chainId: 0, verifyingContract: .zero)
    )
    let zero = Hex.encode(Address.zero.bytes)
    #expect(try fromJSON(EIP712Domain.self, "{\"chainId\":0,\"verifyingContract\":\"\(zero)\"}") == .embedded)
    let text = try jsonText(EIP712Domain.embedded)
    #expect(
      text == "{\"chainId\":\"0\",\"name\":\"EMETH\",\"verifyingContract\":\"\(zero)\",\"version\":\"1\"}")
    #expect(try fromJSON(EIP712Domain.self, text) == .embedded)
    // The same domain through the other implementation.
    let json = "{\"types\":{\"A\":[]},\"primaryType\":\"A\",\"domain\":\(text),\"message\":{}}"
    #expect(try TypedData(json: JSONValue(parsing: json)).separator == EIP712Domain.embedded.separator)
  }

  /// Each line changes the mail so that it breaks one rule; what is signed must never differ from what is
  /// shown.
  @Test(arguments: [
    (#""contents": "Hello, Bob!""#, #""contents": 7"#, "message.contents"),
    (#""contents": "Hello, Bob!""#, #""subject": "Hello, Bob!""#, "message.contents"),
    (#""contents": "Hello, Bob!""#, #""contents": "Hello, Bob!", "subject": "unsigned""#, "message"),
    (#""to": { "name": "Bob","#, #""to": { "#, "message.to.name"),
    (#""primaryType": "Mail""#, #""primaryType": "Post""#, "Post"),
    (#""primaryType": "Mail","#, "", "primaryType"),
    (#""primaryType": "Mail""#, #""primaryType": 1"#, "primaryType"),
    (
      #""name": "contents", "type": "string""#, #""name": "contents", "type": "text""#,
      "types.Mail.contents"
    ),
    (
      #""name": "contents", "type": "string""#, #""name": "contents", "type": "string[]""#, "message.contents"
    ),
    (
      #""name": "contents", "type": "string""#, #""name": "contents", "type": "uint7""#,
      "types.Mail.contents"
    ),
    (
      #""name": "contents", "type": "string""#, #""name": "contents", "type": "]""#,
      "types.Mail.contents"
    ),
    (#""name": "contents", "type": "string""#, #""name": "to", "type": "string""#, "types.Mail"),
    (#""name": "contents", "type": "string""#, #""name": "a,b", "type": "string""#, "types.Mail"),
    (#""name": "contents", "type": "string""#, #""name": "contents""#, "types.Mail"),
    (#""Mail": ["#, #""Mail(": ["#, "types"),
    (#""chainId": 1"#, #""chainId": -1"#, "domain.chainId"),
    (#""chainId": 1"#, #""chainId": 1.0"#, "domain.chainId"),
    (#""chainId": 1,"#, "", "domain.chainId"),
    (#""chainId": 1,"#, #""chainId": 1, "salt": "0x","#, "domain"),
  ])
  func brokenDocumentsAreRefused(from: String, to: String, place: String) throws {
    let text = try mailText().replacing(from, with: to)
    let json = try JSONValue(parsing: text)
    #expect {
      try TypedData(json: json)
    } throws: { error in
      guard case CryptoError.typedData(let at, _)? = error as? CryptoError else { return false }
      return at == place
    }
  }

  /// Every elementary type at the edges of its range.
  @Test(arguments: [
    ("uint8", "255", true), ("uint8", "256", false), ("uint8", "-1", false), ("uint8", "\"0xff\"", true),
    ("uint8", "\"0x100\"", false), ("int8", "127", true), ("int8", "128", false), ("int8", "-128", true),
    ("int8", "-129", false), ("int8", "\"-128\"", true), ("uint256", "\"\(UInt256.max)\"", true),
    ("uint256", "\"1\(UInt256.max)\"", false), ("int256", "\"-\(UInt256.max)\"", false), ("uint", "1", false),
    ("uint0", "0", false), ("uint264", "0", false), ("uint08", "0", false), ("uint8", "\"\"", false),
    ("uint8", "true", false), ("bool", "true", true), ("bool", "1", false), ("bool", "\"true\"", false),
    ("bytes2", "\"0x1234\"", true), ("bytes2", "\"0x123456\"", false), ("bytes2", "\"0x12\"", false),
    ("bytes33", "\"0x\"", false), ("bytes0", "\"0x\"", false), ("bytes", "\"0x\"", true),
    ("bytes", "\"12\"", false),
    ("bytes", "\"0x1\"", false), ("uint8[2]", "[1,2]", true), ("uint8[2]", "[1]", false),
    ("uint8[]", "[]", true),
    ("uint8[0]", "[]", true), ("uint8[x]", "[]", false), ("uint8[1][]", "[[1],[2]]", true),
    ("uint8[1][]", "[[1],[2,3]]", false), ("uint8", "null", false), ("A", "null", true), ("A", "{}", false),
  ])
  func elementaryTypesHaveTheirRange(type: String, value: String, allowed: Bool) throws {
    let text = """
      {"types":{"A":[{"name":"x","type":"\(type)"}]},"primaryType":"A","domain":{},"message":{"x":\(value)}}
      """
    let json = try JSONValue(parsing: text)
    if allowed {
      #expect(throws: Never.self) { try TypedData(json: json) }
    } else {
      #expect { try TypedData(json: json) } throws: { ($0 as? CryptoError)?.code == "typedData.invalid" }
    }
  }

  @Test func negativeNumbersAreTwosComplement() throws {
    let text = """
      {"types":{"A":[{"name":"x","type":"int16"}]},"primaryType":"A","domain":{},"message":{"x":-2}}
      """
    let data = try TypedData(json: JSONValue(parsing: text))
    #expect(data.encodedMessage.suffix(32) == (UInt256.max - 1).bigEndianBytes[...])
  }

  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("eip712.json.gz").arrayElements()
    #expect(cases.count == 65)
    for test in cases {
      let document = JSONValue.object([
        .init("types", try test.required("types")), .init("primaryType", try test.required("primaryType")),
        .init("domain", try test.required("domain")), .init("message", try test.required("data")),
      ])
      let name = try test.required("name").stringText()
      let data = try TypedData(json: document)
      #expect(try Hex.encode(data.encodedMessage) == test.required("encoded").stringText(), "\(name)")
      #expect(try data.digest.description == test.required("digest").stringText(), "\(name)")
      if let key = try test["privateKey"]?.stringText(), let signature = try test["signature"]?.stringText() {
        #expect(try PrivateKey(hex: key).sign(data.digest).description == signature, "\(name)")
      }
    }
  }
}
