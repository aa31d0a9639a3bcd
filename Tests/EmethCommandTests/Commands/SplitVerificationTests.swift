import EmethKit
import Foundation
import Testing

@Suite struct SplitVerificationTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.writeLines(byteCount: 4000, to: "data")
    let result = try Program.run("split", "data", "--parts", "3", "--out", "out", in: scratch.url)
    try #require(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("out: 3 parts, ") && result.output.contains("\nmanifest hash  0x"))
  }

  private func emeth(_ arguments: String..., input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
    var bytes = try scratch.bytes(name)
    body(&bytes)
    try scratch.write(bytes, to: name)
  }

  private func expectNo(_ what: String, _ message: String?, _ arguments: String...) throws {
    let result = try Program.run(
      executable: Program.url, ["verify"] + arguments + ["--json"], in: scratch.url)
    #expect(result.exitCode == 1, "\(what): \(result.errors)")
    #expect(result.output == "", "\(what)")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    #expect(error.message.contains("split does not verify: "), "\(what): \(error)")
    if let message { #expect("\(error)".contains(message), "\(what)") }
  }

  @Test func aSplitVerifiesAsFolderManifestAndStream() throws {
    let folder = try emeth("verify", "out")
    #expect(folder.exitCode == 0 && folder.output.hasPrefix("split: verifies\n"))
    #expect(folder.output.contains("the records of all 3 give the roots"))
    #expect(try emeth("verify", "out/manifest.json").output == folder.output)
    #expect(try emeth("verify", "out/").output == folder.output)
    let json = try emeth("verify", "out", "--data", "data", "--json")
    #expect(json.exitCode == 0 && json.output.contains("data set: the records of data are those"))
    let alone = try emeth("verify", "-", input: scratch.read("out/manifest.json"))
    #expect(alone.exitCode == 0 && alone.output.contains("none is here, so only the manifest is checked"))
    let stream = try Program.shell("cat data | $EMETH verify out --data -", in: scratch.url)
    #expect(stream.exitCode == 0, "\(stream.errors)")
  }

  /// Each change to the parts is found: bytes, order, length, and records moved from one part to the next.
  @Test func changedPartsAreFound() throws {
    let names = ["out/part-0.txt", "out/part-1.txt", "out/part-2.txt"]
    let good = try names.map { try scratch.bytes($0) }
    func restore() throws { for (name, bytes) in zip(names, good) { try scratch.write(bytes, to: name) } }

    for (index, name) in names.enumerated() {
      for place in [0, good[index].count / 2, good[index].count - 1] {
        try change(name) { $0[place] = $0[place] == 0x41 ? 0x42 : 0x41 }
        try expectNo("byte \(place) of \(name)", nil, "out")
        try restore()
      }
      try change(name) { $0.removeLast() }
      try expectNo("\(name) cut", "bytes, the manifest says", "out")
      try change(name) { $0 += [0x41, 0x41] }
      try expectNo("\(name) longer", "bytes, the manifest says", "out")
      try scratch.write("", to: name)
      try expectNo("\(name) empty", "is empty", "out")
      try restore()
    }
    try change(names[1]) { $0[0] = 0xFF }
    try expectNo("no text", "not UTF-8", "out")
    try restore()
    // Two records of one part change places.
    let records = try RecordKind.line.records(in: good[0])
    let twins = try #require(
      records.indices.dropLast().first { good[0][records[$0]] != good[0][records[$0 + 1]] })
    try change(names[0]) { bytes in
      let (first, second) = (records[twins], records[twins + 1])
      bytes.replaceSubrange(
        first.lowerBound..<second.upperBound, with: Array(good[0][second] + good[0][first]))
    }
    try expectNo("swapped", "the records of part 0 give root", "out")
    try restore()
    #expect(try emeth("verify", "out").exitCode == 0)
  }

  @Test func whatIsNotHereIsSaid() throws {
    try FileManager.default.removeItem(atPath: scratch.path("out/part-1.txt"))
    let some = try emeth("verify", "out")
    #expect(some.exitCode == 0 && some.output.contains("parts 0, 2: their records"))
    #expect(some.output.contains("records root: not checked"))
    try FileManager.default.createDirectory(
      atPath: scratch.path("out/part-1.txt"), withIntermediateDirectories: false)
    try expectNo("a folder for a part", "is a folder", "out")
    try FileManager.default.removeItem(atPath: scratch.path("out/part-1.txt"))
    let pipe = try Program.shell("mkfifo out/part-1.txt; $EMETH verify out", in: scratch.url)
    #expect(pipe.exitCode == 4 && pipe.errors.contains("not a regular file"))
    try FileManager.default.removeItem(atPath: scratch.path("out/part-1.txt"))

    try FileManager.default.removeItem(atPath: scratch.path("out/split.secret"))
    let noSecret = try emeth("verify", "out")
    #expect(noSecret.exitCode == 4 && noSecret.output == "")
    #expect(noSecret.errors.contains("neither split.secret nor part-0.secret"))
    try scratch.write("\(Bytes32.zero)", to: "out/split.secret")
    try expectNo("another secret", "or the secret is not that of this split", "out")
    try scratch.write("0x12", to: "out/split.secret")
    #expect(try emeth("verify", "out").exitCode == 3)
  }

  @Test func manyPartsAreListedInRuns() throws {
    #expect(try emeth("split", "data", "--parts", "60", "--out", "many").exitCode == 0)
    for part in Array(2..<40) + [42, 44, 46, 48, 50, 52, 54] {
      let name = SplitManifest.fileName(part: UInt32(part), of: 60, kind: .line)
      try FileManager.default.removeItem(atPath: scratch.path("many/\(name)"))
    }
    let result = try emeth("verify", "many")
    let list = "parts 0-1, 40-41, 43, 45, 47, 49, 51, 53 and 5 more: their records"
    #expect(result.exitCode == 0 && result.output.contains(list), "\(result.output)")
  }

  @Test func anotherDataSetIsFound() throws {
    let good = try scratch.bytes("data")
    for place in [0, good.count / 2, good.count - 1] {
      var bytes = good
      bytes[place] = bytes[place] == 0x41 ? 0x42 : 0x41
      try scratch.write(bytes, to: "other")
      try expectNo("byte \(place)", nil, "out", "--data", "other")
    }
    try scratch.write(good + [0x41], to: "other")
    try expectNo("longer", nil, "out", "--data", "other")
    try scratch.write("", to: "other")
    try expectNo("empty", "other is empty", "out", "--data", "other")
    #expect(try emeth("verify", "out", "--data", "none").exitCode == 4)
  }

  @Test func changedManifestsAreFound() throws {
    let text = try scratch.read("out/manifest.json")
    let manifest = try JSONDecoder().decode(SplitManifest.self, from: Data(text.utf8))
    func expect(_ exitCode: Int32, _ old: String, _ new: String) throws {
      #expect(text.contains(old))
      try scratch.write(text.replacing(old, with: new), to: "out/manifest.json")
      let result = try emeth("verify", "out")
      #expect(result.exitCode == exitCode && result.output == "", "\(new): \(result.errors)")
    }
    try expect(1, manifest.plan.recordsRoot.description, Bytes32.zero.description)
    try expect(1, manifest.plan.parts[1].root.description, Bytes32.zero.description)
    try expect(1, "\"line\"", "\"json\"")
    try expect(3, "\"line\"", "\"lines\"")
    try expect(3, "\"firstRecord\":\"0\"", "\"firstRecord\":\"1\"")
    try expect(3, "\"index\":2", "\"index\":1")
    try expect(3, "part-2.txt", "../data")
    try expect(3, "part-2.txt", "part-1.txt")
    try expect(3, "\"recordCount\"", "\"recordcount\"")
    try expect(3, "{\"byteCount\"", "{\"byteCount\":\"1\",\"byteCount\"")
    try scratch.write(String(text.dropLast()), to: "out/manifest.json")
    #expect(try emeth("verify", "out").exitCode == 3)
    // Another format is not a split: the folder is then taken for a job's, which it is not either.
    try expect(3, "emeth-split-1", "emeth-split-2")
    try scratch.write(text, to: "out/manifest.json")
    #expect(try emeth("verify", "out").exitCode == 0)
  }

  @Test func flagsThatBelongElsewhereAreRefused() throws {
    try scratch.writeJSON(try #require(TestKeys.tickets().first), to: "ticket.json")
    let proof = try emeth("prove-record", "out", "3").output
    try scratch.write(proof, to: "proof.json")
    for arguments in [
      ["ticket.json", "--data", "data"], ["ticket.json", "--manifest", "out/manifest.json"],
      ["out", "--manifest", "out/manifest.json"], ["out", "--signer", "\(Address.zero)"],
      ["out/manifest.json", "--leaves", "data"], ["proof.json", "--data", "data"],
      ["proof.json", "--signer", "\(Address.zero)"],
    ] {
      let result = try Program.run(executable: Program.url, ["verify"] + arguments, in: scratch.url)
      #expect(result.exitCode == 2 && result.output == "", "\(arguments): \(result.errors)")
    }
  }

  @Test func proofsThatDoNotHoldAreFound() throws {
    let text = try emeth("prove-record", "out", "3").output
    let proof = try JSONDecoder().decode(RecordProof.self, from: Data(text.utf8))
    func verify(_ text: String, _ flags: String...) throws -> ProgramResult {
      try scratch.write(text, to: "proof.json")
      return try Program.run(executable: Program.url, ["verify", "proof.json"] + flags, in: scratch.url)
    }
    let alone = try verify(text)
    #expect(alone.exitCode == 0 && alone.output.contains("to be compared with the manifest's"))
    #expect(try verify(text, "--manifest", "out/manifest.json").output.contains("as the manifest says"))
    let changes: [(Int32, String, String)] = [
      (1, Hex.encode(proof.salt), "0x" + String(repeating: "00", count: 16)),
      (1, proof.recordsRoot.description, Bytes32.zero.description),
      (1, "\"record\" : \"3\"", "\"record\" : \"2\""),
      (3, "\"record\" : \"3\"", "\"record\" : \"99999\""), (3, Hex.encode(proof.salt), "0x00"),
      (3, "\"partCount\" : 3", "\"partCount\" : 4"), (3, "\"salt\"", "\"pepper\""),
    ]
    for (exitCode, old, new) in changes {
      #expect(text.contains(old))
      let result = try verify(text.replacing(old, with: new))
      #expect(result.exitCode == exitCode && result.output == "", "\(new): \(result.errors)")
    }
    // The same record of another split of the same data: a good proof, but not of this manifest.
    #expect(try emeth("split", "data", "--parts", "3", "--out", "again").exitCode == 0)
    let other = try emeth("prove-record", "again", "3").output
    #expect(try verify(other).exitCode == 0)
    #expect(try verify(other, "--manifest", "out/manifest.json").exitCode == 1)
    #expect(try verify(text, "--manifest", "data").exitCode == 3)
  }
}
