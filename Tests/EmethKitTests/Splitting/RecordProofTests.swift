import EmethKit
import Testing

@Suite struct RecordProofTests {
  @Test func everyRecordOfEverySmallPlanIsProven() throws {
    for count in 1...13 {
      for parts in 1...count {
        let scene = try SplitScene.lines(count, parts: UInt32(parts))
        let plan = try scene.plan()
        for record in 0..<UInt64(count) {
          let proof = try scene.proof(record)
          try proof.check(in: plan)
          #expect(proof.part.records.contains(record))
          #expect(proof.content.elementsEqual(scene.bytes[scene.records[Int(record)]]))
          #expect(try fromJSON(RecordProof.self, jsonText(proof)) == proof)
        }
      }
    }
  }

  /// Whatever is changed in a proof is found, by the reader or by the check.
  @Test func everyChangeIsFound() throws {
    let scene = try SplitScene.lines(11, parts: 3)
    let plan = try scene.plan()
    let text = try jsonText(scene.proof(5))
    let value = try JSONValue(parsing: text)
    func refused(_ key: String, _ change: (JSONValue) throws -> JSONValue) throws {
      let members = try value.objectMembers().map { member in
        member.key == key ? JSONValue.Member(key, try change(member.value)) : member
      }
      let changed = try JSONValue.object(members).canonical
      #expect(throws: (any Error).self, "\(key): \(changed)") {
        try fromJSON(RecordProof.self, changed).check(in: plan)
      }
    }
    let zero = JSONValue.string(Bytes32.zero.description)
    let texts = [
      ("format", "emeth-record-proof-2"), ("record", "4"), ("record", "8"), ("record", "11"),
      ("content", "0x"),
      ("content", "0xff"), ("content", "0xf"), ("salt", "0x00"),
      ("salt", "0x" + String(repeating: "00", count: 16)),
      ("recordCount", "12"), ("recordCount", "0"), ("recordCount", "18446744073709551615"),
      ("partCount", "4"),
      ("partCount", "0"), ("recordsRoot", Bytes32.zero.description), ("part", "1"), ("recordsProof", "0x"),
    ]
    for (key, text) in texts { try refused(key) { _ in .string(text) } }
    for key in ["recordsProof", "partProof"] {
      try refused(key) { .array(try $0.arrayElements().dropLast()) }
      try refused(key) { .array(try $0.arrayElements() + [zero]) }
      try refused(key) { .array([zero] + (try $0.arrayElements().dropFirst())) }
    }
    for (key, text) in [
      ("index", "0"), ("index", "3"), ("firstRecord", "3"), ("count", "3"), ("count", "18446744073709551615"),
      ("root", Bytes32.zero.description),
    ] {
      try refused("part") {
        .object(try $0.objectMembers().map { .init($0.key, $0.key == key ? .string(text) : $0.value) })
      }
    }
    for key in try value.objectMembers().map(\.key) {
      let rest = JSONValue.object(try value.objectMembers().filter { $0.key != key })
      #expect(throws: DecodingError.self) { try fromJSON(RecordProof.self, rest.canonical) }
    }
  }

  /// A proof that holds by itself is not one of another plan.
  @Test func theRootsMustBeThePlans() throws {
    let scene = try SplitScene.lines(11, parts: 3)
    let proof = try scene.proof(5)
    try proof.check()
    let others = try [
      SplitScene.lines(12, parts: 3), SplitScene.lines(11, parts: 2),
      SplitScene(scene.bytes.map { $0 == UInt8(ascii: "9") ? UInt8(ascii: "8") : $0 }, kind: .line, parts: 3),
    ]
    for other in others {
      let plan = try other.plan()
      #expect(throws: SplittingError.self) { try proof.check(in: plan) }
    }
  }

  @Test func theBuilderWantsAllRunsInOrder() throws {
    let scene = try SplitScene.lines(10, parts: 2)
    let plan = try scene.plan()
    #expect(throws: SplittingError.unknownRecord(found: 10, count: 10)) {
      try RecordProofBuilder(record: 10, plan: plan)
    }
    var builder = try RecordProofBuilder(record: 6, plan: plan)
    let runs = try scene.runs(cutAt: [6, 7])
    #expect(throws: SplittingError.self) { try builder.append(runs[1]) }
    try builder.append(runs[0])
    #expect(throws: SplittingError.self) { try builder.append(scene.run(5..<10, of: 1)) }
    #expect(throws: SplittingError.recordCount(found: 5, expected: 10)) {
      try builder.proof(content: [], salt: [])
    }
    for run in runs.dropFirst() { try builder.append(run) }
    let salt = scene.hasher(1).salt(of: 6)
    #expect(throws: SplittingError.proofMismatch(record: 6, part: 1)) {
      try builder.proof(content: [1], salt: salt)
    }
    #expect(throws: SplittingError.saltLength(found: 15)) {
      try builder.proof(content: [1], salt: Array(salt.dropLast()))
    }
    #expect(throws: SplittingError.contentTooLong(record: 6, found: (4 << 20) + 1, allowed: 4 << 20)) {
      try builder.proof(content: [UInt8](repeating: 0, count: (4 << 20) + 1), salt: salt)
    }
  }
}
