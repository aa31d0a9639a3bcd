import EmethKit
import Foundation
import Testing

/// A Python, whose hashlib and hmac are not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]
private let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1

@Suite struct SplitCommandTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func emeth(_ arguments: String..., input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private func split(_ file: String, _ parts: Int, _ out: String, _ flags: String...) throws -> SplitOutput {
    let result = try Program.run(
      executable: Program.url, ["split", file, "--parts", "\(parts)", "--out", out, "--json"] + flags,
      in: scratch.url)
    try #require(result.exitCode == 0, "\(result.errors)")
    #expect(result.errors == "")
    return try result.json(SplitOutput.self)
  }

  /// Small and large files, few and many parts, every kind: the parts are the file again, and everything that
  /// is said about them is so.
  @Test(arguments: [
    ("line", 0, 1), ("line", 0, 5), ("line", 2_400_000, 1), ("line", 3_500_000, 3), ("line", 2_200_000, 1000),
    ("sentence", 0, 4), ("sentence", 2_200_000, 7), ("binary:1", 0, 9), ("binary:63", 2_500_000, 11),
    ("binary:1200000", 3_600_000, 2),
  ])
  func partsAreTheFileAgain(kind: String, size: Int, parts: Int) throws {
    try scratch.writeLines(byteCount: max(size, 700), to: "data")
    var data = try scratch.bytes("data")
    if let record = kind.hasPrefix("binary:") ? Int(kind.dropFirst(7)) : nil {
      data.removeLast(data.count % record)
      try scratch.write(data, to: "data")
    }
    let output = try split("data", parts, "out", "--records", kind)
    #expect(output.parts.count == parts && output.recordKind == kind && output.bytes == "\(data.count)")
    #expect(output.folder == "out" && output.manifest == "out/manifest.json" && output.writtenPart == nil)
    var joined: [UInt8] = []
    var records: UInt64 = 0
    for (index, part) in output.parts.enumerated() {
      let bytes = try scratch.bytes("out/\(part.file)")
      #expect(
        part.index == UInt32(index) && part.bytes == "\(bytes.count)" && part.firstRecord == "\(records)")
      records += try #require(UInt64(part.records))
      joined += bytes
    }
    #expect(joined == data && output.records == "\(records)")
    let counts = output.parts.compactMap { UInt64($0.records) }
    #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
    let names = output.parts.map(\.file) + ["manifest.json", "split.secret"]
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: scratch.path("out")).sorted() == names.sorted())
    let manifest = try scratch.read("out/manifest.json")
    #expect(SHA256.hash(manifest.utf8) == output.manifestHash)
    #expect(try JSONDecoder().decode(SplitManifest.self, from: Data(manifest.utf8)).canonicalJSON == manifest)

    try checkWithPython("out")
    let verified = try emeth("verify", "out", "--data", "data")
    #expect(verified.exitCode == 0, "\(verified.errors)")
  }

  private func checkWithPython(_ folder: String, _ proofs: String...) throws {
    // Without a Python the library's own functions, which know no streams and no sections, have to do.
    guard let python else { return try checkWithThePlan(folder) }
    let script = Bundle.module.bundleURL.appending(path: "Fixtures/check_split.py").path(
      percentEncoded: false)
    let result = try Program.run(
      executable: URL(filePath: python), [script, folder] + proofs, in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
  }

  private func checkWithThePlan(_ folder: String) throws {
    let manifest = try JSONDecoder().decode(
      SplitManifest.self, from: Data(scratch.read("\(folder)/manifest.json").utf8))
    let text = try scratch.read("\(folder)/split.secret").trimmingCharacters(in: .newlines)
    let secret = SplitSecret(try Bytes32(hex: text))
    var leaves: [Bytes32] = []
    for (part, file) in zip(manifest.plan.parts, manifest.files) {
      let bytes = try scratch.bytes("\(folder)/\(file.name)")
      for record in try manifest.kind.records(in: bytes) {
        let salt = SplitPlan.recordSalt(
          partSecret: secret.partSecret(part.index), index: UInt64(leaves.count))
        leaves.append(SplitPlan.recordLeafHash(salt: salt, record: bytes[record]))
      }
    }
    try manifest.plan.check(leafHashes: leaves)
  }

  @Test func theSecretDecidesTheRoots() throws {
    try scratch.writeLines(byteCount: 5000, to: "data")
    try scratch.writeSecret(SHA256.hash("mine".utf8), to: "mine")
    let first = try split("data", 3, "a", "--secret-file", "mine")
    let again = try split("data", 3, "b", "--secret-file", "mine")
    #expect(first.manifestHash == again.manifestHash)
    #expect(try scratch.bytes("a/manifest.json") == scratch.bytes("b/manifest.json"))
    let fromInput = try emeth(
      "split", "data", "--parts", "3", "--out", "c", "--secret-file", "-", "--json",
      input: Hex.encode(SHA256.hash("mine".utf8).bytes, prefixed: false))
    #expect(try fromInput.json(SplitOutput.self).manifestHash == first.manifestHash)
    let random = try split("data", 3, "d")
    let other = try split("data", 3, "e")
    #expect(Set([first, random, other].map(\.recordsRoot)).count == 3)
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.path("d/split.secret"))[
      .posixPermissions]
    #expect((mode as? NSNumber)?.intValue == 0o600)
    for folder in ["a", "d"] {
      let secret = try scratch.read("\(folder)/split.secret").dropLast()
      #expect(try secret.count == 64 && !scratch.read("\(folder)/manifest.json").contains(secret))
    }
  }

  @Test func streamsAreSplitAsFilesAre() throws {
    try scratch.writeLines(byteCount: 2_500_000, to: "data")
    try scratch.writeSecret(SHA256.hash("mine".utf8), to: "mine")
    let expected = try split("data", 3, "file", "--secret-file", "mine").manifestHash
    let lines = [
      "$EMETH split - --parts 3 --out a --secret-file mine --json < data",
      "cat data | $EMETH split - --parts 3 --out b --secret-file mine --json",
      "$EMETH split <(cat data) --parts 3 --out c --secret-file mine --json",
      "(head -c 1000 > start; cat start <(tail -c +1001 data) | $EMETH split /dev/stdin --parts 3 --out d "
        + "--secret-file mine --json) < data",
    ]
    for line in lines {
      let result = try Program.shell(line, in: scratch.url)
      #expect(try result.json(SplitOutput.self).manifestHash == expected, "\(line): \(result.errors)")
    }
    // A file that is already read in part is a stream of what is left.
    let rest = try Program.shell(
      "(read -r -N 1 first; $EMETH split - --parts 1 --records binary:1 --out e --json) < data",
      in: scratch.url)
    let output = try rest.json(SplitOutput.self)
    #expect(output.bytes == output.records)
    #expect(
      try scratch.bytes("data").suffix(try #require(Int(output.bytes))).elementsEqual(
        scratch.bytes("e/part-0.bin")))
  }

  @Test func onePartIsWrittenForItsNode() throws {
    try scratch.writeLines(byteCount: 5000, to: "data")
    let whole = try split("data", 4, "whole")
    let one = try split("data", 4, "one", "--part", "2", "--secret-file", "whole/split.secret")
    #expect(one.manifestHash == whole.manifestHash && one.writtenPart == 2)
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path("one")).sorted()
    #expect(names == ["manifest.json", "part-2.secret", "part-2.txt"])
    #expect(try scratch.bytes("one/part-2.txt") == scratch.bytes("whole/part-2.txt"))
    #expect(try !scratch.read("one/part-2.secret").contains(scratch.read("whole/split.secret").dropLast()))
    let verified = try emeth("verify", "one")
    #expect(verified.exitCode == 0 && verified.output.contains("parts 2: their records give the roots"))
    #expect(verified.output.contains("records root: not checked"))
    #expect(try emeth("split", "data", "--parts", "4", "--out", "x", "--part", "2").exitCode == 2)
    let outside = try emeth(
      "split", "data", "--parts", "4", "--out", "x", "--part", "4", "--secret-file", "whole/split.secret")
    #expect(outside.exitCode == 2 && outside.errors.contains("counted from 0"))
  }

  /// Each mistake has its exit code and its sentence; nothing is printed, and nothing stays behind.
  @Test func mistakesLeaveNothing() throws {
    try scratch.write("one\ntwo\nthree\n", to: "three")
    try scratch.write("", to: "empty")
    try scratch.write(Array("good\nb".utf8) + [0xC3, 0x28], to: "latin")
    try scratch.write("{}\n{\"a\":1,}\n", to: "bad.jsonl")
    try scratch.write("not a secret at all", to: "wrong")
    try scratch.writeSecret(.zero, to: "shared")
    for (name, mode) in [("wrong", 0o600), ("shared", 0o644)] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scratch.path(name))
    }
    try FileManager.default.createDirectory(atPath: scratch.path("full"), withIntermediateDirectories: false)
    try scratch.write("x", to: "full/x")
    let before = try scratch.names()
    let cases: [([String], Int32, String)] = [
      (["three", "--parts", "4"], 3, "NumParallel is 4, allowed are at most the 3 records"),
      (["three", "--parts", "0"], 2, "allowed 1...65536"),
      (["three", "--parts", "65537"], 2, "allowed 1...65536"),
      (["three", "--parts", "x"], 2, "--parts"), (["three"], 2, "--parts N is missing"),
      (["empty", "--parts", "1"], 3, "empty is empty"), (["full", "--parts", "1"], 3, "full is a folder"),
      (["none", "--parts", "1"], 4, "no such file or folder: none"),
      (
        ["latin", "--parts", "1"], 3,
        "latin: the data set is not UTF-8 text: the first wrong byte is at offset 6"
      ),
      (["latin", "--parts", "1", "--records", "sentence"], 3, "offset 6"),
      (
        ["latin", "--parts", "1", "--records", "binary:3"], 3,
        "2 bytes are left over behind 2 records of 3 bytes"
      ),
      (["bad.jsonl", "--parts", "1", "--records", "json"], 3, "bad.jsonl: line 2 is not JSON, at byte 10"),
      (["three", "--parts", "1", "--records", "words"], 2, "allowed line, sentence, json, or binary:BYTES"),
      (["three", "--parts", "1", "--records", "lines"], 2, "did you mean 'line'?"),
      (["three", "--parts", "1", "--records", "binary:0"], 2, "binary:BYTES"),
      (["three", "--parts", "1", "--secret-file", "none"], 4, "none"),
      (["three", "--parts", "1", "--secret-file", "wrong"], 3, "wrong holds no secret"),
      (["three", "--parts", "1", "--secret-file", "shared"], 3, "found mode 644"),
      (["-", "--parts", "1", "--secret-file", "-"], 2, "can't both be standard input"),
      (["-", "--parts", "1"], 3, "standard input is empty"),
    ]
    for (arguments, exitCode, message) in cases {
      let result = try Program.run(
        executable: Program.url, ["split"] + arguments + ["--out", "out"], in: scratch.url)
      #expect(result.exitCode == exitCode, "\(arguments): \(result.errors)")
      #expect(result.output == "" && result.errors.contains(message), "\(arguments): \(result.errors)")
      #expect(!result.errors.contains("not a secret"))
      #expect(try scratch.names() == before, "\(arguments)")
    }
    for (out, message) in [
      ("full", "folder full is not empty"), ("three", "three exists"), ("no/way", "no such"),
    ] {
      let result = try emeth("split", "three", "--parts", "1", "--out", out, "--json")
      #expect(
        result.exitCode == 4 && result.output == "" && result.errors.contains(message), "\(result.errors)")
      #expect(try scratch.names() == before)
    }
  }

  /// Zeros without an end, and lines without one: the error comes while they flow, in a quarter of a
  /// gibibyte of address space.
  @Test func aGibibyteOfZerosIsRefusedInLittleMemory() throws {
    let mebibytes = min(1024, 100 * scale)
    for kind in ["line", "sentence", "json"] {
      let result = try Program.shell(
        "ulimit -v 600000; head -c \(mebibytes)M /dev/zero | $EMETH split - --parts 1 --out out --records \(kind)",
        in: scratch.url)
      #expect(result.exitCode == 3, "\(result.errors)")
      let limit = kind == "json" ? 16 << 20 : 64 << 20
      #expect(result.errors.contains("record 0, which begins at byte 0, has more than the \(limit) bytes"))
      #expect(try scratch.names() == [])
    }
  }

  /// Far more data than memory: 400 MB at the large counts, in as little address space.
  @Test func filesLargerThanMemoryStream() throws {
    let mebibytes = max(4, min(400, 4 * scale))
    let result = try Program.shell(
      "ulimit -v 600000; yes 'a line of text, and one more of it' | head -c \(mebibytes)M "
        + "| $EMETH split - --parts 3 --out out --json", in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
    let output = try result.json(SplitOutput.self)
    #expect(output.bytes == "\(mebibytes << 20)")
    let verified = try Program.shell("ulimit -v 600000; $EMETH verify out", in: scratch.url)
    #expect(verified.exitCode == 0, "\(verified.errors)")
  }

  @Test func aFailedWriteLeavesNothing() throws {
    try scratch.writeLines(byteCount: 3_000_000, to: "data")
    // Signal XFSZ is ignored, so that the write itself fails.
    let result = try Program.shell(
      "trap '' XFSZ; ulimit -f 1000; $EMETH split data --parts 2 --out out", in: scratch.url)
    #expect(result.exitCode == 4 && result.output == "" && result.errors.contains("can't write"))
    #expect(try scratch.names() == ["data"])
  }

  @Test(.enabled(if: geteuid() == 0, "only the superuser can make a file system without room"))
  func aFullDiskLeavesNothing() throws {
    try scratch.writeLines(byteCount: 3_000_000, to: "data")
    let result = try Program.shell(
      "mkdir disk; unshare -m bash -c 'mount -t tmpfs -o size=1m none disk || exit 77; "
        + "$EMETH split data --parts 2 --out disk/out; code=$?; ls -A disk; exit $code'", in: scratch.url)
    // 77: a container may forbid mounts to its superuser too.
    guard result.exitCode != 77, !result.errors.contains("unshare failed") else { return }
    #expect(result.exitCode == 4 && result.output == "", "\(result.errors)")
    #expect(result.errors.contains("no space left"))
  }

  @Test func anInterruptionLeavesNothing() throws {
    let result = try Program.shell(
      "timeout --foreground --preserve-status -s INT 1 $EMETH split <(yes) --parts 2 --out out",
      in: scratch.url)
    #expect(result.exitCode == 130 && result.output == "")
    #expect(try scratch.names() == [])
  }

  @Test func recordsAreProven() throws {
    try scratch.writeLines(byteCount: 2_300_000, to: "data")
    let output = try split("data", 5, "out")
    let count = try #require(UInt64(output.records))
    let second = try #require(UInt64(output.parts[1].firstRecord))
    let places = [0, 1, second - 1, second, count / 2, count - 1]
    for place in places {
      let result = try emeth("prove-record", "out", "\(place)")
      try scratch.write(result.output, to: "proof-\(place).json")
      let proof = try result.json(RecordProof.self)
      #expect(proof.record == place && proof.recordsRoot == output.recordsRoot)
      let verified = try emeth("verify", "proof-\(place).json", "--manifest", "out/manifest.json")
      #expect(verified.exitCode == 0, "\(verified.errors)")
      #expect(try emeth("verify", "-", input: result.output).exitCode == 0)
      if python != nil { try checkWithPython("out", "proof-\(place).json") }
    }
    let beyond = try emeth("prove-record", "out", "\(count)")
    #expect(beyond.exitCode == 3 && beyond.output == "" && beyond.errors.contains("counted from 0"))
    #expect(try emeth("prove-record", "none", "0").exitCode == 3)
    try FileManager.default.removeItem(atPath: scratch.path("out/part-3.txt"))
    #expect(try emeth("prove-record", "out", "0").exitCode == 4)
  }
}
