import EmethKit
import Testing

/// Raw bytes that differ from what may be sent in one thing each.
@Suite struct TransactionDecodingTests {
  private let key = PrivateKey(seed: .zero, label: "transaction", index: 0)

  private func signed(_ kind: Transaction.Kind) throws -> SignedTransaction {
    try Transaction(
      kind: kind, nonce: 7, gasLimit: 60_000, to: Address("0x3535353535353535353535353535353535353535"),
      value: 10, data: [1, 2, 3]
    ).signed(with: key)
  }

  private func kinds() throws -> [Transaction.Kind] {
    let accessList = [AccessListEntry(address: key.address, storageKeys: [.zero, Keccak256.hash([])])]
    return [
      .legacy(chainId: nil, gasPrice: 9), .legacy(chainId: 1, gasPrice: 9),
      .accessList(chainId: 1, gasPrice: 9, accessList: accessList),
      .dynamicFee(chainId: 1, maxPriorityFeePerGas: 1, maxFeePerGas: 9, accessList: accessList),
    ]
  }

  /// The fields of raw bytes, one of them replaced.
  private func replacing(_ index: Int, with value: RLPValue, in raw: [UInt8]) throws -> [UInt8] {
    let isTyped = raw[0] < 0x80
    guard case .list(var fields) = try RLPValue(decoding: raw.dropFirst(isTyped ? 1 : 0)) else { return [] }
    fields[index] = value
    return (isTyped ? [raw[0]] : []) + RLPValue.list(fields).encoded
  }

  private func error(_ raw: [UInt8]) -> TransactionError? {
    do throws(TransactionError) {
      _ = try SignedTransaction(decoding: raw)
      return nil
    } catch {
      return error
    }
  }

  @Test func everyFieldMustBeInItsOneForm() throws {
    let names = [
      ["nonce", "gasPrice", "gas", "to", "value", "input", "v", "r", "s"],
      ["nonce", "gasPrice", "gas", "to", "value", "input", "v", "r", "s"],
      ["chainId", "nonce", "gasPrice", "gas", "to", "value", "input", "accessList", "yParity", "r", "s"],
      [
        "chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input",
        "accessList", "yParity", "r", "s",
      ],
    ]
    for (kind, names) in zip(try kinds(), names) {
      let raw = try signed(kind).encoded
      for (index, name) in names.enumerated() {
        func problem(_ value: RLPValue) throws -> RLPProblem? {
          let found = error(try replacing(index, with: value, in: raw))
          guard case .format(let field, .rlp(let problem, let at)) = found else {
            Issue.record("\(name) is \(String(describing: found))")
            return nil
          }
          #expect(field == name && raw.indices.contains(at))
          return problem
        }
        let list = RLPProblem.kind(found: "a list", allowed: "a byte string")
        switch name {
        case "accessList":
          #expect(try problem(.bytes([])) == .kind(found: "a byte string", allowed: "a list"))
        case "input":
          #expect(try problem(.list([])) == list)
        case "to":
          for count in [1, 19, 21, 32] {
            let bytes = RLPValue.bytes([UInt8](repeating: 1, count: count))
            #expect(try problem(bytes) == .byteCount(found: count, allowed: 20))
          }
          #expect(try problem(.list([])) == list)
        default:
          let width = ["chainId", "nonce", "gas"].contains(name) ? 8 : 32
          #expect(try problem(.bytes([0])) == .integerLeadingZero)
          #expect(try problem(.bytes([0, 1])) == .integerLeadingZero)
          let wide = RLPValue.bytes([UInt8](repeating: 1, count: width + 1))
          #expect(try problem(wide) == .integerWidth(found: width + 1, allowed: width))
          #expect(try problem(.list([])) == list)
        }
      }
    }
  }

  @Test func accessListsAreReadAsStrictly() throws {
    let raw = try signed(kinds()[2]).encoded
    let address = RLPValue.bytes(key.address.bytes)
    let zero = RLPValue.bytes(Bytes32.zero.bytes)
    let wrong: [(RLPValue, RLPProblem)] = [
      (.list([address]), .kind(found: "a byte string", allowed: "a list")),
      (.list([.list([])]), .truncated(needed: 1, found: 0)),
      (.list([.list([address])]), .truncated(needed: 1, found: 0)),
      (.list([.list([address, .list([]), .list([])])]), .trailing(byteCount: 1)),
      (.list([.list([address, zero])]), .kind(found: "a byte string", allowed: "a list")),
      (.list([.list([.bytes([]), .list([])])]), .byteCount(found: 0, allowed: 20)),
      (.list([.list([address, .list([.bytes([1])])])]), .byteCount(found: 1, allowed: 32)),
      (
        .list([.list([address, .list([zero, .list([])])])]), .kind(found: "a list", allowed: "a byte string")
      ),
    ]
    for (list, problem) in wrong {
      guard case .format("accessList", .rlp(problem, _)) = error(try replacing(7, with: list, in: raw)) else {
        Issue.record("\(problem) is \(String(describing: error(try replacing(7, with: list, in: raw))))")
        continue
      }
    }
    let twice = RLPValue.list([.list([address, .list([zero, zero])]), .list([address, .list([])])])
    let read = try SignedTransaction(decoding: replacing(7, with: twice, in: raw))
    #expect(read.transaction.accessList.map(\.storageKeys.count) == [2, 0])
  }

  @Test func recoveryNamesParityAndChain() throws {
    let legacy = try signed(.legacy(chainId: nil, gasPrice: 9)).encoded
    for v: UInt256 in [0, 1, 2, 26, 29, 34, UInt256(high: 0, low: 37 + 2 * UInt128(UInt64.max)), .max] {
      #expect(try error(replacing(6, with: .integer(v), in: legacy)) == .recovery(field: "v", found: v))
    }
    for (v, chainId): (UInt256, UInt64?) in [
      (27, nil), (28, nil), (35, 0), (36, 0), (37, 1), (38, 1), (2_709, 1_337),
      (UInt256(high: 0, low: 36 + 2 * UInt128(UInt64.max)), .max),
    ] {
      let raw = try replacing(6, with: .integer(v), in: legacy)
      // With the other parity or on another chain it is another signer's, or no one's.
      guard let read = try? SignedTransaction(decoding: raw) else {
        #expect(error(raw) == .signature(.signatureUnrecoverable))
        continue
      }
      #expect(read.transaction.chainId == chainId && read.encoded == raw)
    }
    let typed = try signed(kinds()[3]).encoded
    for parity: UInt256 in [2, 27, 28, 37, .max] {
      #expect(
        try error(replacing(9, with: .integer(parity), in: typed))
          == .recovery(field: "yParity", found: parity))
    }
  }

  /// EIP-2: the second form of a signature has another hash and must not pass.
  @Test func signaturesAreInTheirOneForm() throws {
    let order: UInt256 = 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141
    for kind in try kinds() {
      let signed = try signed(kind)
      let raw = signed.encoded
      guard case .list(let fields) = try RLPValue(decoding: raw.dropFirst(raw[0] < 0x80 ? 1 : 0)) else {
        continue
      }
      let (v, r, s) = (fields.count - 3, fields.count - 2, fields.count - 1)
      let parity = try fields[v].unsigned(UInt256.self)
      let flipped = signed.yParity == 0 ? parity + 1 : parity - 1
      let malleable = try replacing(
        v, with: .integer(flipped),
        in: replacing(s, with: .integer(order - UInt256(signed.signature.s)), in: raw))
      #expect(error(malleable) == .signature(.signatureHighS))
      for (index, part) in [(r, "r"), (s, "s")] {
        for number in [0, order, UInt256.max] {
          #expect(
            try error(replacing(index, with: .integer(number), in: raw))
              == .signature(.signatureRange(part: part)))
        }
      }
      #expect(
        try error(replacing(r, with: .integer(5 as UInt8), in: raw)) == .signature(.signatureUnrecoverable))
    }
  }

  @Test func typesAndFieldCounts() throws {
    #expect(error([]) == .format(field: "transaction", .rlp(.truncated(needed: 1, found: 0), at: 0)))
    for type in UInt8(0)..<0x80 where type != 1 && type != 2 {
      #expect(error([type, 0xC0]) == .type(found: type))
    }
    #expect(
      error([0x83, 1, 2, 3])
        == .format(field: "transaction", .rlp(.kind(found: "a byte string", allowed: "a list"), at: 0)))
    #expect(error([1]) == .format(field: "transaction", .rlp(.truncated(needed: 1, found: 0), at: 1)))
    for (kind, count) in zip(try kinds(), [9, 9, 11, 12]) {
      let raw = try signed(kind).encoded
      let isTyped = raw[0] < 0x80
      guard case .list(let fields) = try RLPValue(decoding: raw.dropFirst(isTyped ? 1 : 0)) else { continue }
      for wrong in [[], Array(fields.dropLast()), fields + [.bytes([])], Array(fields.dropLast(3))] {
        let bytes = (isTyped ? [raw[0]] : []) + RLPValue.list(wrong).encoded
        #expect(error(bytes) == .fieldCount(found: wrong.count, allowed: [count]))
      }
      #expect(
        error(raw + [0])
          == .format(field: "transaction", .rlp(.trailing(byteCount: 1), at: raw.count)))
      for cut in raw.indices {
        #expect(error(Array(raw[..<cut])) != nil, "cut at \(cut)")
      }
    }
    #expect(error([UInt8](repeating: 0, count: 1 << 20)) == .type(found: 0))
    #expect(throws: TransactionError.self) {
      try SignedTransaction(decoding: [UInt8](repeating: 0xC0, count: 101), byteLimit: 100)
    }
  }

  /// A payload to be signed: six or nine fields in a legacy one, the last two of nine empty.
  @Test func payloadsAreReadAsStrictly() throws {
    for (kind, counts) in zip(try kinds(), [[6, 9], [6, 9], [8], [9]]) {
      let payload = try signed(kind).transaction.signingPayload
      let isTyped = payload[0] < 0x80
      guard case .list(let fields) = try RLPValue(decoding: payload.dropFirst(isTyped ? 1 : 0)) else {
        continue
      }
      for count in 0...13 where !counts.contains(count) {
        let wrong = Array((fields + fields + fields).prefix(count))
        let bytes = (isTyped ? [payload[0]] : []) + RLPValue.list(wrong).encoded
        #expect(throws: TransactionError.fieldCount(found: count, allowed: counts)) {
          try Transaction(signingPayload: bytes)
        }
      }
    }
    let payload = try signed(.legacy(chainId: 1, gasPrice: 9)).transaction.signingPayload
    for (index, name) in [(7, "r"), (8, "s")] {
      let wrong = try replacing(index, with: .bytes([1]), in: payload)
      let problem = FormatError.rlp(.byteCount(found: 1, allowed: 0), at: payload.count - 9 + index)
      #expect(throws: TransactionError.format(field: name, problem)) {
        try Transaction(signingPayload: wrong)
      }
    }
  }

  /// Bytes changed at random are refused, or are another transaction that is written as it was read.
  @Test func changedBytesNeverMeanTheSame() throws {
    var generator = SeededGenerator()
    var read = 0
    for index in 0..<scaled(400) {
      let transaction = try Transaction.random(kind: index % Transaction.kindCount, using: &generator)
      let signed = transaction.signed(with: key)
      var raw = signed.encoded
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        raw[Int.random(in: raw.indices, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
      }
      guard raw != signed.encoded, let changed = try? SignedTransaction(decoding: raw) else { continue }
      #expect(changed.encoded == raw && changed != signed && changed.sender != key.address)
      read += 1
    }
    #expect(read > 0)
  }
}
