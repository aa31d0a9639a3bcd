import EmethKit
import Testing

@Suite struct TransactionJSONTests {
  private let key = PrivateKey(seed: .zero, label: "transaction", index: 0)

  /// A transaction as a node gives it back: with the block, the price paid in the end, lower-case addresses.
  private func nodeText() throws -> String {
    let signed = try Transaction(
      kind: .dynamicFee(
        chainId: 1, maxPriorityFeePerGas: 1_000_000_000, maxFeePerGas: 30_000_000_000,
        accessList: [AccessListEntry(address: .zero, storageKeys: [.zero])]), nonce: 7, gasLimit: 60_000,
      to: Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), value: 255, data: [0xAB]
    ).signed(with: key)
    let (r, s) = (UInt256(signed.signature.r), UInt256(signed.signature.s))
    return """
      {"blockHash": "\(Bytes32.zero)", "blockNumber": "0x10", "transactionIndex": "0x0",
       "type": "0x2", "chainId": "0x1", "nonce": "0x7", "gas": "0xea60", "gasPrice": "0x12345",
       "maxPriorityFeePerGas": "0x3b9aca00", "maxFeePerGas": "0x6fc23ac00",
       "to": "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "value": "0xff", "input": "0xab",
       "accessList": [{"address": "\(Address.zero)", "storageKeys": ["\(Bytes32.zero)"]}],
       "v": "0x\(signed.yParity)", "yParity": "0x\(signed.yParity)", "r": "\(Hex.encodeQuantity(r))",
       "s": "\(Hex.encodeQuantity(s))", "hash": "\(signed.hash)", "from": "\(signed.sender)"}
      """
  }

  private func error(_ text: String) throws -> TransactionError? {
    let json = try JSONValue(parsing: text)
    do throws(TransactionError) {
      _ = try SignedTransaction(json: json)
      return nil
    } catch {
      return error
    }
  }

  @Test func whatANodeGivesBackIsRead() throws {
    let signed = try SignedTransaction(json: JSONValue(parsing: nodeText()))
    #expect(signed.sender == key.address && signed.transaction.value == 255)
    let written = try signed.json.canonical
    for part in [
      #""to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed""#, #""gas":"0xea60""#, #""type":"0x2""#,
      #""from":"\#(key.address)""#, #""hash":"\#(signed.hash)""#,
    ] {
      #expect(written.contains(part))
    }
    #expect(!written.contains("gasPrice") && !written.contains("blockHash"))
  }

  @Test(arguments: 0..<Transaction.kindCount) func everyKindGoesBothWays(kind: Int) throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(40) {
      let transaction = try Transaction.random(kind: kind, using: &generator)
      let text = try transaction.json.canonical
      #expect(try Transaction(json: JSONValue(parsing: text)) == transaction)
      // Without its type the transaction is known by its fees.
      #expect(
        try Transaction(
          json: JSONValue(parsing: text.replacing(#""type":"0x\#(transaction.type)","#, with: "")))
          == transaction)
      let signed = transaction.signed(with: key)
      let signedText = try signed.json.canonical
      #expect(try SignedTransaction(json: JSONValue(parsing: signedText)) == signed)
      #expect(signedText.contains("yParity") == (transaction.type != 0))
      if transaction.type != 0 {
        // Older nodes know the parity as v only, newer ones may leave that out.
        for gone in [#","v":"0x\#(signed.yParity)""#, #","yParity":"0x\#(signed.yParity)""#] {
          #expect(signedText.contains(gone))
          #expect(
            try SignedTransaction(json: JSONValue(parsing: signedText.replacing(gone, with: ""))) == signed)
        }
      }
    }
  }

  @Test func whatMayBeLeftOutIsZeroOrEmpty() throws {
    let text = #"{"nonce": "0x0", "gas": "0x5208", "gasPrice": "0x1"}"#
    let transaction = try Transaction(json: JSONValue(parsing: text))
    let expected = try Transaction(
      kind: .legacy(chainId: nil, gasPrice: 1), nonce: 0, gasLimit: 21_000, to: nil)
    #expect(transaction == expected)
    let nulls = text.replacing("}", with: #", "to": null, "data": null, "accessList": null, "value": null}"#)
    #expect(try Transaction(json: JSONValue(parsing: nulls)) == expected)
    let called = text.replacing("}", with: #", "data": "0x01", "input": "0x01"}"#)
    #expect(try Transaction(json: JSONValue(parsing: called)).data == [1])
  }

  @Test func everyWrongMemberIsNamed() throws {
    let good = try nodeText()
    let quantity = { (found: String, bits: Int) in FormatError.hexQuantity(found: found, bitWidth: bits) }
    let cases: [(String, String, TransactionError)] = [
      (#""nonce": "0x7""#, #""nonce": "0x07""#, .format(field: "nonce", quantity("0x07", 64))),
      (#""nonce": "0x7""#, #""nonce": "7""#, .format(field: "nonce", quantity("7", 64))),
      (
        #""nonce": "0x7""#, #""nonce": 7"#,
        .format(field: "nonce", .jsonKind(found: "number", allowed: "string"))
      ),
      (#""nonce": "0x7","#, "", .format(field: "transaction", .jsonMissing(key: "nonce"))),
      (#""nonce": "0x7""#, #""nonce": "0xffffffffffffffff""#, .nonce),
      (
        #""gas": "0xea60""#, #""gas": "0x10000000000000000""#,
        .format(field: "gas", quantity("0x10000000000000000", 64))
      ),
      (#""chainId": "0x1","#, "", .format(field: "transaction", .jsonMissing(key: "chainId"))),
      (#""type": "0x2""#, #""type": "0x3""#, .type(found: 3)),
      (#""type": "0x2""#, #""type": "0x1""#, .member("maxFeePerGas", problem: "has no place in type 1")),
      (
        #""maxFeePerGas": "0x6fc23ac00""#, #""maxFeePerGas": "0x1""#,
        .priorityFee(found: 1_000_000_000, maximum: 1)
      ),
      (
        #""input": "0xab""#, #""input": "ab""#,
        .format(
          field: "input", .jsonKind(found: "string without 0x", allowed: "0x and hexadecimal digits"))
      ),
      (#""input": "0xab""#, #""input": "0xabc""#, .format(field: "input", .hexOddLength(found: 3))),
      (
        #""input": "0xab""#, #""input": "0xab", "data": "0x""#,
        .member("data", problem: "differs from input, which is another name for it")
      ),
      (
        #""storageKeys": ["\#(Bytes32.zero)"]"#, #""storageKeys": ["0x00"]"#,
        .format(field: "accessList", .byteCount(found: 1, allowed: 32))
      ),
      (
        #", "storageKeys": ["\#(Bytes32.zero)"]"#, "",
        .format(field: "accessList", .jsonMissing(key: "storageKeys"))
      ),
      (
        "beaed\"", "beae\"",
        .member(
          "to",
          problem: "is no address: "
            + CryptoError.addressMalformed(found: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae").message)
      ),
      (
        #""value": "0xff""#, #""value": "0x1\#(String(repeating: "0", count: 64))""#,
        .format(
          field: "value", quantity("0x1" + String(repeating: "0", count: 64), 256))
      ),
    ]
    for (old, new, expected) in cases {
      let text = good.replacing(old, with: new)
      #expect(text != good)
      #expect(try error(text) == expected, "\(new)")
    }
    for text in ["[]", "null", "\"0x02\"", "1"] {
      guard case .format("transaction", .jsonKind(_, "object")) = try error(text) else {
        Issue.record("\(text) is read")
        continue
      }
    }
  }

  /// A change of anything that is signed gives another sender, which `from` and `hash` give away.
  @Test func membersThatDisagreeAreRefused() throws {
    let good = try nodeText()
    let hash = try SignedTransaction(json: JSONValue(parsing: good)).hash.description
    for (old, new, member) in [
      (#""nonce": "0x7""#, #""nonce": "0x8""#, "hash"), (#""value": "0xff""#, #""value": "0xfe""#, "hash"),
      ("\"\(key.address)\"", "\"\(Address.zero)\"", "from"), (hash, "\(Bytes32.zero)", "hash"),
      (#""yParity": "0x"#, #""yParity": "0x1"#, "yParity"),
    ] {
      let text = good.replacing(old, with: new)
      #expect(text != good)
      switch try error(text) {
      case .mismatch(let found, _, _)?: #expect(found == member)
      case .signature(.signatureUnrecoverable)?: #expect(old.contains("nonce") || old.contains("value"))
      case let other: Issue.record("\(new) gives \(String(describing: other))")
      }
    }
    let legacy = try Transaction(
      kind: .legacy(chainId: nil, gasPrice: 1), nonce: 0, gasLimit: 21_000, to: nil
    )
    .signed(with: key).json.canonical
    #expect(
      try error(legacy.replacing("{", with: #"{"chainId":"0x1","#))
        == .mismatch(member: "chainId", found: "1", expected: "none, by its v"))
    #expect(throws: TransactionError.self) {
      try Transaction(json: JSONValue(parsing: good))
    }
  }
}
