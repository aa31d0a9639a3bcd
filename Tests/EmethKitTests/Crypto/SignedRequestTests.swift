import EmethKit
import Testing

@Suite struct SignedRequestTests {
  private let key: PrivateKey
  private let now: UInt64 = 1_700_000_000
  private let body = Array(#"{"amount":"5"}"#.utf8)

  init() throws {
    key = try PrivateKey(hex: "4c0883a69102937d6231471b5dbb6204fe512961708279f2e3e8a5d4b8e3e1f0")
  }

  private func statement(time: UInt64? = nil, nonce: Bytes32? = nil) -> RequestStatement {
    RequestStatement(
      audience: "example.org:7443", method: "POST", path: "/api/v2/withdrawals?wait=1", body: body,
      time: time ?? now, nonce: nonce ?? SHA256.hash("nonce".utf8))
  }

  private func signed(time: UInt64? = nil) -> SignedRequest {
    SignedRequest(signing: statement(time: time), in: .embedded, with: key)
  }

  private func check(
    _ signed: SignedRequest, audience: String = "example.org:7443", method: String = "POST",
    path: String = "/api/v2/withdrawals?wait=1", body: [UInt8]? = nil, at time: UInt64? = nil,
    in domain: EIP712Domain = .embedded
  ) throws(CryptoError) {
    try signed.check(
      audience: audience, method: method, path: path, bodyHash: Keccak256.hash(body ?? self.body),
      at: time ?? now, in: domain)
  }

  /// Made with eth-account 0.13.7.
  @Test func anotherImplementationAgrees() {
    #expect(
      statement().digest(in: .embedded).description
        == "0xedb9efe3a61e58181c7cff512645042b0658b0456309144c15db8fd89e6c7d34")
    #expect(
      Hex.encode(signed().signature.bytes, prefixed: false)
        == "e11dc32b82c9a6e7c506f0a513707bcb1b677147bff49c2980290f37dee6097e310cc7c3854e1e0aed7b1df9e1528ab5"
        + "706b72a8b8f8c0631c9ea851db3485731c")
  }

  @Test func whatWasSentIsChecked() throws {
    let read = try SignedRequest(headerValue: signed().headerValue)
    #expect(read == signed())
    #expect(read.headerValue.utf8.count < SignedRequest.headerLimit)
    try check(read)
    #expect(
      try read.check(
        audience: "example.org:7443", method: "POST", path: "/api/v2/withdrawals?wait=1",
        bodyHash: Keccak256.hash(body), at: now, in: .embedded) == key.address)
  }

  @Test func anythingElseIsRefused() throws {
    let header = signed()
    let chain = EIP712Domain(chainId: 1, verifyingContract: .zero)
    for attempt in [
      { try self.check(header, audience: "example.org:7444") }, { try self.check(header, method: "PUT") },
      { try self.check(header, path: "/api/v2/withdrawals") }, { try self.check(header, body: []) },
      { try self.check(header, in: chain) },
    ] {
      let error = try #require(throws: CryptoError.self) { try attempt() }
      #expect(error.code == "request.signerMismatch")
    }
    let other = PrivateKey(seed: .zero, label: "other", index: 0)
    let forged = try SignedRequest(
      headerValue: header.headerValue.replacing("\(key.address)", with: "\(other.address)"))
    #expect(throws: CryptoError.requestSigner(found: key.address, expected: other.address)) {
      try check(forged)
    }
  }

  @Test func itCountsForFiveMinutesInEitherDirection() throws {
    for (time, clock) in [(now, now + 300), (now + 300, now), (0, 300), (.max, .max - 300)] {
      try check(signed(time: time), at: clock)
    }
    for (time, clock) in [(now, now + 301), (now + 301, now), (0, UInt64.max), (.max, 0)] {
      #expect(throws: CryptoError.requestTime(found: time, now: clock, allowed: 300)) {
        try check(signed(time: time), at: clock)
      }
    }
  }

  @Test func membersStandInAnyOrder() throws {
    let header = signed()
    let text =
      "nonce=\(header.nonce),signature=\(header.signature) ,  time=\(header.time), account=\(header.account)"
    #expect(try SignedRequest(headerValue: text) == header)
  }

  @Test func otherFormsAreRefused() throws {
    let text = signed().headerValue
    let hostile = [
      "", ",", "=", "account", text + ",", text + ", time=\(now)", text + ", extra=1",
      text.replacing("account=", with: "Account="), text.replacing("time=\(now), ", with: ""),
      text.replacing("time=", with: "time=-"), text.replacing("time=", with: "time= "),
      text.replacing("time=", with: "time=99999999999"),
      text.replacing("signature=0x", with: "signature=0xff"),
      String(text.dropLast()), String(text.dropLast(2)), text.replacing("nonce=0x", with: "nonce=0xzz"),
      text.replacing("0x", with: ""), text + String(repeating: " ", count: 300), "\u{0}" + text,
      String(repeating: "time=1,", count: 70),
    ]
    for header in hostile {
      let error = try #require(throws: CryptoError.self, "\(header)") {
        _ = try SignedRequest(headerValue: header)
      }
      #expect(error.code == "request.malformed", "\(header)")
      #expect(error.message.utf8.count < 400)
    }
    // Every prefix too: none is a whole header.
    for end in text.indices {
      #expect(throws: CryptoError.self) { _ = try SignedRequest(headerValue: String(text[..<end])) }
    }
  }

  @Test(.enabled(if: PythonOracle.isAvailable, PythonOracle.reason))
  func ethAccountComputesTheSameDigest() throws {
    let one = statement()
    let document = """
      {"types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},\
      {"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],\
      "Request":[{"name":"audience","type":"string"},{"name":"method","type":"string"},\
      {"name":"path","type":"string"},{"name":"bodyHash","type":"bytes32"},{"name":"time","type":"uint64"},\
      {"name":"nonce","type":"bytes32"}]},"primaryType":"Request",\
      "domain":{"name":"EMETH","version":"1","chainId":0,"verifyingContract":"\(Address.zero)"},\
      "message":{"audience":"\(one.audience)","method":"\(one.method)","path":"\(one.path)",\
      "bodyHash":"\(one.bodyHash)","time":\(one.time),"nonce":"\(one.nonce)"}}
      """
    let output = try PythonOracle.run("typed_data_oracle", input: document + "\n")
    #expect(output == "\(one.digest(in: .embedded))\n")
  }
}
