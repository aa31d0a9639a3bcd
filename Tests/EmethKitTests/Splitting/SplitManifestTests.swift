import EmethKit
import Testing

@Suite struct SplitManifestTests {
  @Test func canonicalJSONIsReadAgain() throws {
    let manifest = try SplitScene.lines(11, parts: 3).manifest()
    #expect(try fromJSON(SplitManifest.self, manifest.canonicalJSON) == manifest)
    #expect(try jsonText(manifest) == manifest.canonicalJSON)
    #expect(try JSONValue(parsing: manifest.canonicalJSON).canonical == manifest.canonicalJSON)
    #expect(manifest.hash == SHA256.hash(manifest.canonicalJSON.utf8))
    #expect(
      manifest.canonicalJSON.hasPrefix(#"{"byteCount":"104","format":"emeth-split-1","parts":[{"byteCount":"#)
    )
    let more = manifest.canonicalJSON.dropLast() + #","later":{"x":1}}"#
    #expect(try fromJSON(SplitManifest.self, String(more)) == manifest, "unknown fields are ignored")
    let numbers = manifest.canonicalJSON.replacing(#""recordCount":"11""#, with: #""recordCount":11"#)
    #expect(try fromJSON(SplitManifest.self, numbers) == manifest, "both forms of numbers are read")
  }

  @Test func filesAreNamedInOrder() {
    #expect(SplitManifest.fileName(part: 0, of: 1, kind: .line) == "part-0.txt")
    #expect(SplitManifest.fileName(part: 7, of: 10, kind: .sentence) == "part-7.txt")
    #expect(SplitManifest.fileName(part: 7, of: 11, kind: .json) == "part-07.jsonl")
    #expect(SplitManifest.fileName(part: 65_535, of: 65_536, kind: .binary(byteCount: 4)) == "part-65535.bin")
    #expect(SplitManifest.secretName(part: 3, of: 1000) == "part-003.secret")
    let names = (0..<1000).map { SplitManifest.fileName(part: $0, of: 1000, kind: .line) }
    #expect(names == names.sorted())
  }

  @Test(arguments: [
    "", ".", "..", "../part-0.txt", "/etc/passwd", "a/b", ".hidden", "-rf", "a b", "a\nb", "猫", "a\u{0}",
    "a\\b", "a:b",
    "_a", String(repeating: "a", count: 256), "part-1.txt",
  ])
  func hostileFileNamesAreRefused(name: String) throws {
    let good = try SplitScene.lines(4, parts: 2).manifest()
    let files = [SplitManifest.File(name: name, byteCount: good.files[0].byteCount), good.files[1]]
    #expect(throws: SplittingError.self) { try SplitManifest(kind: .line, plan: good.plan, files: files) }
  }

  @Test func sizesMustFitTheRecords() throws {
    let scene = try SplitScene.lines(4, parts: 2)
    let plan = try scene.plan()
    func manifest(_ kind: RecordKind, _ sizes: [UInt64]) throws -> SplitManifest {
      try SplitManifest(
        kind: kind, plan: plan,
        files: sizes.enumerated().map { SplitManifest.File(name: "f\($0.offset)", byteCount: $0.element) })
    }
    #expect(try manifest(.line, [2, 2]).byteCount == 4)
    #expect(try manifest(.line, [2 << 26, 2]).byteCount == (2 << 26) + 2)
    #expect(try manifest(.binary(byteCount: 100), [200, 200]).byteCount == 400)
    #expect(throws: SplittingError.self) { try manifest(.line, [1, 2]) }
    #expect(throws: SplittingError.self) { try manifest(.line, [(2 << 26) + 1, 2]) }
    #expect(throws: SplittingError.self) { try manifest(.json, [(2 << 24) + 1, 2]) }
    #expect(throws: SplittingError.self) { try manifest(.binary(byteCount: 100), [200, 201]) }
    #expect(throws: SplittingError.partCount(found: 1, expected: 2)) { try manifest(.line, [2]) }
    #expect(throws: SplittingError.partCount(found: 3, expected: 2)) { try manifest(.line, [2, 2, 2]) }
  }

  @Test func sizesBeyondSixtyFourBitsAreRefused() throws {
    let count = UInt64.max / 2
    let plan = try SplitPlan(
      recordCount: count * 2, recordsRoot: .zero,
      parts: [
        .init(index: 0, firstRecord: 0, count: count, root: .zero),
        .init(index: 1, firstRecord: count, count: count, root: .zero),
      ])
    let file = SplitManifest.File(name: "a", byteCount: .max)
    #expect(throws: SplittingError.self) {
      try SplitManifest(kind: .line, plan: plan, files: [file, .init(name: "b", byteCount: .max)])
    }
    #expect(throws: SplittingError.self) {
      try SplitManifest(
        kind: .binary(byteCount: 64), plan: plan, files: [file, .init(name: "b", byteCount: 1)])
    }
  }

  /// Every member missing, of another kind, or contradicting the others.
  @Test func hostileJSONIsRefused() throws {
    let manifest = try SplitScene.lines(11, parts: 3).manifest()
    let value = try JSONValue(parsing: manifest.canonicalJSON)
    let members = try value.objectMembers()
    let others: [JSONValue] = [
      .null, .bool(true), .number("-1"), .number("1.5"), .number("99999999999999999999"), .string(""),
      .string("-1"),
      .string("012"), .array([]), .array([.null]), .object([]), .string("emeth-split-2"), .string("lines"),
    ]
    for member in members {
      let rest = members.filter { $0.key != member.key }
      #expect(throws: DecodingError.self) {
        try fromJSON(SplitManifest.self, JSONValue.object(rest).canonical)
      }
      for other in others where other != member.value {
        let text = JSONValue.object(rest + [.init(member.key, other)]).text
        #expect(throws: DecodingError.self, "\(text)") { try fromJSON(SplitManifest.self, text) }
      }
    }
    for (old, new) in [
      (#""firstRecord":"4""#, #""firstRecord":"5""#), (#""index":1"#, #""index":2"#),
      (#""byteCount":"104""#, #""byteCount":"105""#), (#""part-1.txt""#, #""part-0.txt""#),
      (#""recordCount":"11""#, #""recordCount":"12""#),
      (#""recordKind":"line""#, #""recordKind":"binary:3""#),
      (#""recordsRoot":"0x"#, #""recordsRoot":"0y"#),
    ] {
      #expect(manifest.canonicalJSON.contains(old))
      let text = manifest.canonicalJSON.replacing(old, with: new)
      #expect(throws: DecodingError.self, "\(new)") { try fromJSON(SplitManifest.self, text) }
    }
  }

  @Test func tooManyPartsAreRefused() throws {
    let count = SplitManifest.partLimit + 1
    let plan = try SplitPlan(
      recordCount: UInt64(count), recordsRoot: .zero,
      parts: (0..<count).map { .init(index: $0, firstRecord: UInt64($0), count: 1, root: .zero) })
    let files = (0..<count).map { SplitManifest.File(name: "f\($0)", byteCount: 1) }
    #expect(throws: SplittingError.tooManyParts(found: count, allowed: count - 1)) {
      try SplitManifest(kind: .line, plan: plan, files: files)
    }
  }

  /// The largest manifest can be read by the strict parser's own limit.
  @Test func theLargestManifestIsReadable() throws {
    let count = SplitManifest.partLimit
    let share = UInt64.max / UInt64(count)
    let plan = try SplitPlan(
      recordCount: share * UInt64(count), recordsRoot: .zero,
      parts: (0..<count).map { .init(index: $0, firstRecord: UInt64($0) * share, count: share, root: .zero) })
    let files = (0..<count).map {
      SplitManifest.File(
        name: SplitManifest.fileName(part: $0, of: count, kind: .binary(byteCount: 1)), byteCount: share)
    }
    let manifest = try SplitManifest(kind: .binary(byteCount: 1), plan: plan, files: files)
    #expect(manifest.canonicalJSON.utf8.count <= JSONValue.defaultByteLimit)
  }
}

extension JSONValue {
  /// The text of a value that may have no canonical form.
  fileprivate var text: String {
    switch self {
    case .object(let members):
      "{" + members.map { "\"\($0.key)\":\($0.value.text)" }.joined(separator: ",") + "}"
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .string(let text): "\"\(text)\""
    case .number(let text): text
    case .bool(let truth): "\(truth)"
    case .null: "null"
    }
  }
}
