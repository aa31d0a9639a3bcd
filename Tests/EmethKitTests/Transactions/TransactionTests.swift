import EmethKit
import Testing

@Suite struct TransactionTests {
  /// The example of EIP-155.
  @Test func theExampleOfTheSpecification() throws {
    let transaction = try Transaction(
      kind: .legacy(chainId: 1, gasPrice: 20_000_000_000), nonce: 9, gasLimit: 21_000,
      to: Address("0x3535353535353535353535353535353535353535"), value: 1_000_000_000_000_000_000)
    #expect(
      Hex.encode(transaction.signingPayload)
        == "0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080")
    #expect(
      transaction.signingHash.description
        == "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53")
    let key = try PrivateKey(hex: String(repeating: "46", count: 32))
    let signed = transaction.signed(with: key)
    #expect(
      Hex.encode(signed.encoded)
        == "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"
        + "25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
        + "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83")
    #expect(try SignedTransaction(decoding: signed.encoded) == signed)
    #expect(signed.sender == key.address && signed.createdContract == nil)
  }

  @Test(arguments: 0..<Transaction.kindCount) func everyKindGoesBothWays(kind: Int) throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(60) {
      let transaction = try Transaction.random(kind: kind, using: &generator)
      let key = PrivateKey.random(using: &generator)
      let signed = transaction.signed(with: key)
      #expect(signed.transaction == transaction && signed.sender == key.address)
      #expect(try Transaction(signingPayload: transaction.signingPayload) == transaction)
      #expect(try SignedTransaction(decoding: signed.encoded) == signed)
      #expect(try SignedTransaction(transaction, signature: signed.signature) == signed)
      #expect(signed.hash == Keccak256.hash(signed.encoded) && signed.hash != transaction.signingHash)
      #expect((signed.createdContract == nil) == (transaction.to != nil))
      #expect(transaction.type == [0, 0, 1, 2][kind] && (transaction.chainId == nil) == (kind == 0))
      // Neither form is read as the other.
      #expect((try? SignedTransaction(decoding: transaction.signingPayload)) == nil)
      #expect((try? Transaction(signingPayload: signed.encoded)) == nil)
    }
  }

  @Test func whatNoChainTakesIsNotMade() throws {
    let kind = Transaction.Kind.legacy(chainId: nil, gasPrice: 1)
    #expect(throws: TransactionError.nonce) {
      try Transaction(kind: kind, nonce: .max, gasLimit: 21_000, to: .zero)
    }
    #expect(throws: Never.self) { try Transaction(kind: kind, nonce: .max - 1, gasLimit: 21_000, to: .zero) }
    #expect(throws: TransactionError.priorityFee(found: 2, maximum: 1)) {
      try Transaction(
        kind: .dynamicFee(chainId: 1, maxPriorityFeePerGas: 2, maxFeePerGas: 1), nonce: 0, gasLimit: 21_000,
        to: .zero)
    }
    // A signature of no key: no point of the curve has x = 5.
    let transaction = try Transaction(kind: kind, nonce: 0, gasLimit: 21_000, to: .zero)
    let signature = try Signature(r: Bytes32(5 as UInt256), s: Bytes32(1 as UInt256), v: 27)
    #expect(throws: TransactionError.signature(.signatureUnrecoverable)) {
      try SignedTransaction(transaction, signature: signature)
    }
  }

  /// All four forms of every case: what is signed, what is sent, and both read back.
  ///
  /// 148 cases have no chain ID. Their EIP-155 form signs it as the byte 0, though the number zero has no
  /// bytes in RLP; that is no transaction of any chain, and must be refused.
  @Test(.enabled(if: VectorFiles.isAvailable, VectorFiles.reason)) func publicVectors() throws {
    let cases = try VectorFiles.json("transactions.json.gz").arrayElements()
    #expect(cases.count == 200)
    var refused = 0
    for test in cases {
      let name = try test.required("name").stringText()
      let key = try PrivateKey(hex: test.required("privateKey").stringText())
      for (form, transaction) in try Self.forms(test.required("transaction")) {
        let unsigned = try Hex.decode(test.required("unsigned\(form)").stringText())
        let signed = try Hex.decode(test.required("signed\(form)").stringText())
        if form == "Eip155" && transaction.chainId == 0 {
          let zero = FormatError.rlp(.integerLeadingZero, at: unsigned.count - 3)
          #expect(throws: TransactionError.format(field: "chainId", zero)) {
            try Transaction(signingPayload: unsigned)
          }
          #expect((try? SignedTransaction(decoding: signed))?.sender != key.address, "\(name)")
          refused += 1
          continue
        }
        #expect(transaction.signingPayload == unsigned, "\(name) \(form)")
        #expect(transaction.signed(with: key).encoded == signed, "\(name) \(form)")
        #expect(try Transaction(signingPayload: unsigned) == transaction, "\(name) \(form)")
        let read = try SignedTransaction(decoding: signed)
        #expect(read.transaction == transaction && read.sender == key.address, "\(name) \(form)")
        #expect(try SignedTransaction(json: read.json) == read, "\(name) \(form)")
      }
    }
    #expect(refused == 148)
  }

  /// The transaction in each form of the vectors, which leave out what is zero or empty, in the typed forms
  /// also the chain ID 1, and write numbers as their bytes.
  private static func forms(_ json: JSONValue) throws -> [(String, Transaction)] {
    func number(_ name: String) throws -> UInt256 {
      switch json[name] {
      case nil: 0
      case .number(let digits)?: try #require(UInt256(decimal: digits))
      case let value?: try #require(UInt256(bigEndianBytes: Hex.decode(value.stringText())))
      }
    }
    let accessList = try (json["accessList"]?.arrayElements() ?? []).map { entry in
      AccessListEntry(
        address: try Address(entry.required("address").stringText()),
        storageKeys: try entry.required("storageKeys").arrayElements().map {
          try Bytes32(hex: $0.stringText())
        })
    }
    let (chainId, gasPrice) = (UInt64(try number("chainId")), try number("gasPrice"))
    let typedChainId = json["chainId"] == nil ? 1 : chainId
    let kinds: [(String, Transaction.Kind)] = [
      ("Legacy", .legacy(chainId: nil, gasPrice: gasPrice)),
      ("Eip155", .legacy(chainId: chainId, gasPrice: gasPrice)),
      ("Berlin", .accessList(chainId: typedChainId, gasPrice: gasPrice, accessList: accessList)),
      (
        "London",
        .dynamicFee(
          chainId: typedChainId, maxPriorityFeePerGas: try number("maxPriorityFeePerGas"),
          maxFeePerGas: try number("maxFeePerGas"), accessList: accessList)
      ),
    ]
    return try kinds.map { form, kind in
      let transaction = try Transaction(
        kind: kind, nonce: UInt64(try number("nonce")), gasLimit: UInt64(try number("gasLimit")),
        to: try json["to"].map { try Address($0.stringText()) }, value: try number("value"),
        data: try json["data"].map { try Hex.decode($0.stringText()) } ?? [])
      return (form, transaction)
    }
  }
}
