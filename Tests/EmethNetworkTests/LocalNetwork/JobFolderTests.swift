import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A finished job's folder as a third party gets it. Node 2 cheats once, so that there is a FAILED SubJob too.
@Suite struct JobFolderTests {
  /// The exported folder of one run, for all tests; each changes a copy.
  private static let exported = Task {
    let folder = try place.get()
    let fault = FaultPlan(fault: .swappedFinal, node: 2)
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 3, check: .drawn(1), fault: fault),
      // Five segments, so that some are not opened.
      manifest: TestNetwork.manifest(steps: 9))
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    // Something only the network needs.
    try Data("0x01\n".utf8).write(to: folder.url.appending(path: "job/seed"))
    try finished.network.signFolder(of: finished.job, at: folder.url)
    return folder
  }

  /// Where it lies: what is shared is never freed, so its folder goes with the process.
  private static let place: Result<TemporaryFolder, any Error> = Result {
    let folder = try TemporaryFolder()
    atexit { try? FileManager.default.removeItem(at: JobFolderTests.place.get().url) }
    return folder
  }

  private func copy() async throws -> (TemporaryFolder, JobFolder) {
    let folder = try TemporaryFolder()
    let source = try await Self.exported.value.url
    for item in try FileManager.default.contentsOfDirectory(atPath: source.path) {
      try FileManager.default.copyItem(at: source.appending(path: item), to: folder.url.appending(path: item))
    }
    return (folder, JobFolder(folder.url))
  }

  @Test func aFinishedRunChecks() async throws {
    let (folder, jobFolder) = try await copy()
    #expect(jobFolder.hasRecords)
    let checks = try jobFolder.check()
    #expect(checks.count == 10)
    for check in checks { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
    #expect(Set(checks.map { RecordTampering.Check(of: $0) }).count == 10)
    withExtendedLifetime(folder) {}
  }

  @Test(arguments: RecordTampering.all)
  func whatWasTamperedWithIsFound(tampering: RecordTampering) async throws {
    let (folder, jobFolder) = try await copy()
    try tampering.apply(to: folder.url)
    // Draws and sums stand on everything else: what is wrong there may show here as well.
    var failed = try jobFolder.check().filter { check in
      !check.holds
        && ([[.draws], [.cohorts, .sums]] as [Set<RecordTampering.Check>]).allSatisfy {
          !$0.isDisjoint(with: tampering.checks) || !$0.contains(RecordTampering.Check(of: check))
        }
    }
    // The manifest knows of every one; what follows is found without it.
    #expect(failed.first.map { RecordTampering.Check(of: $0) } == .files)
    failed.removeFirst(min(1, failed.count))
    #expect(!failed.isEmpty && failed.map { RecordTampering.Check(of: $0) } == tampering.checks, "\(failed)")
    let problems = failed.compactMap(\.problem).joined(separator: "; ")
    #expect(tampering.problem.isEmpty || problems.contains(tampering.problem), "\(problems)")
  }

  /// Folders of versions that did not keep what was drawn are told apart from those that were checked.
  @Test func drawsThatWereNotKeptAreCalledSo() async throws {
    let (folder, jobFolder) = try await copy()
    var document = try RecordDocument(in: folder.url)
    let records = try document.records()
    #expect(records.subJobs.allSatisfy { $0.draw != nil })
    for place in records.subJobs.indices { try document.set(["subJobs", .element(place), "draw"], nil) }
    try document.write(to: folder.url)
    let check = try #require(try jobFolder.check().first { RecordTampering.Check(of: $0) == .draws })
    #expect(check.holds && check.what.contains("\(records.subJobs.count) of an earlier version"), "\(check)")
  }

  @Test func amountsThatDoNotAddUpAreNoRecord() async throws {
    let (folder, jobFolder) = try await copy()
    var records = try RecordDocument(in: folder.url)
    try records.change(["subJobs", 0, "machine", "settlement", "verifier"]) { .text(try $0.plusOne()) }
    try records.write(to: folder.url)
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.malformed(let what, let reason) = error else { return false }
      return what.hasSuffix("records.json") && reason.contains("subJobs")
    }
  }

  /// That nothing was opened nobody can show: where the record says so, no verdict is asked for.
  @Test func aNodeThatDidNotOpenFailsWithoutAVerdict() async throws {
    let (folder, jobFolder) = try await copy()
    var document = try RecordDocument(in: folder.url)
    let records = try document.records()
    let failed = try RecordTampering.failed(records)
    let draws = try #require(records.subJobs.first { $0.machine.status == .failed }).machine.draws
    try document.set(["subJobs", failed, "verdicts"], .tree([Any]()))
    try document.set(["subJobs", failed, "machine", "endReason"], .text("openingsWithheld"))
    func problem() throws -> String? {
      try document.write(to: folder.url)
      return try jobFolder.check().first { $0.what.contains(" SubJobs: ") }?.problem
    }
    #expect(try problem()?.contains("FAILED for openings that came") == true)
    try document.set(
      ["subJobs", failed, "machine", "draws", .element(draws.count - 1), "openedAt"], nil)
    #expect(try problem() == nil)
  }

  @Test(arguments: ["", "{}", "[1, 2", "null"])
  func recordsThatCannotBeReadAreNamed(text: String) async throws {
    let (folder, jobFolder) = try await copy()
    try Data(text.utf8).write(to: folder.url.appending(path: "job/records.json"))
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.malformed(let what, let reason) = error else { return false }
      return what.hasSuffix("job/records.json") && !reason.isEmpty
    }
  }

  @Test(arguments: ["job/records.json", "job/leaves.bin"])
  func aMissingFileIsNamed(name: String) async throws {
    let (folder, jobFolder) = try await copy()
    try FileManager.default.removeItem(at: folder.url.appending(path: name))
    #expect(jobFolder.hasRecords == (name != "job/records.json"))
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.fileFailed(let path, "read", _) = error else { return false }
      return path.hasSuffix(name)
    }
  }

  /// One byte at three places of every file that there is, the manifest among them.
  @Test func noByteCanBeChanged() async throws {
    let (folder, jobFolder) = try await copy()
    let manifest = "job/manifest.json"
    let paths = try FolderContents(folder: folder.url).paths() + [manifest]
    #expect(paths.contains("job/seed") && paths.contains("model.safetensors"))
    for path in paths {
      let file = folder.url.appending(path: path)
      let bytes = try Data(contentsOf: file)
      for place in Set([0, bytes.count / 2, bytes.count - 1]) {
        var changed = bytes
        changed[place] ^= 1
        try changed.write(to: file)
        do {
          let problems = try jobFolder.check().compactMap(\.problem).joined(separator: "; ")
          // What is wrong with the manifest itself is told by what it signs.
          #expect(
            path == manifest ? !problems.isEmpty : problems.contains(path), "\(path) \(place): \(problems)")
        } catch {
          guard case .malformed(let what, _) = error else { throw error }
          #expect(what.hasSuffix(path))
        }
      }
      try bytes.write(to: file)
    }
    #expect(try jobFolder.check().allSatisfy(\.holds))
  }

  @Test func filesThatWentOrCameAreNamed() async throws {
    let (folder, jobFolder) = try await copy()
    func problems() throws -> [String] { try jobFolder.check().compactMap(\.problem) }
    let loss = folder.url.appending(path: "model.safetensors.bak")
    try Data("x".utf8).write(to: loss)
    #expect(try problems() == ["model.safetensors.bak is not in the manifest"])
    try FileManager.default.removeItem(at: loss)
    // Neither what looks like somebody's unfinished work, nor a log that would change what the database says.
    for (name, more) in [
      (".model.safetensors.1.partial", ""), ("job/.x.partial", ""),
      ("job/network.sqlite-wal", ": a process has the network open or was killed"),
      ("job/network.sqlite-shm", ": a process has the network open or was killed"),
    ] {
      let foreign = folder.url.appending(path: name)
      try Data().write(to: foreign)
      let found = try problems()
      #expect(found.count == 1 && found[0].hasPrefix("\(name) is not in the manifest\(more)"), "\(found)")
      try FileManager.default.removeItem(at: foreign)
    }
    // A lock names a process, or none.
    let lock = folder.url.appending(path: "job/lock")
    for (text, isNamed) in [("", false), ("4711\n", false), ("47x1\n", true), ("12345678901\n", true)] {
      try Data(text.utf8).write(to: lock)
      #expect(try problems().contains { $0.hasPrefix("job/lock has") } == isNamed, "\(text)")
    }
    try FileManager.default.removeItem(at: lock)
    // Only the network needs it.
    try FileManager.default.removeItem(at: folder.url.appending(path: "job/seed"))
    #expect(try problems() == [])
    // So one of an earlier version, with its log, is verified without it.
    let database = folder.url.appending(path: "job/network.sqlite")
    if FileManager.default.fileExists(atPath: database.path) {
      try FileManager.default.removeItem(at: database)
    }
    #expect(try problems() == [])
    try FileManager.default.removeItem(at: folder.url.appending(path: "job/report.json"))
    #expect(try problems() == ["job/report.json is missing"])
    try FileManager.default.removeItem(at: folder.url.appending(path: "job/manifest.json"))
    #expect(try problems() == ["job/manifest.json is missing"])
  }

  /// Links are not followed, and a pipe is not waited for.
  @Test(.timeLimit(.minutes(10))) func whatIsNoFileIsNamedAndNotRead() async throws {
    let (folder, jobFolder) = try await copy()
    func refused(_ name: String) throws {
      #expect {
        try jobFolder.check()
      } throws: { error in
        guard case NetworkError.malformed(let what, let reason) = error else { return false }
        return what.hasSuffix(name) && reason.contains("not in the manifest")
      }
    }
    // Each way through two links to where they lie doubles the number of ways.
    let links = ["job/a", "job/b"].map { folder.url.appending(path: $0) }
    for link in links {
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: ".")
    }
    #expect(try FolderContents(folder: folder.url).listing().foreign == ["job/a", "job/b"])
    try refused("job/a")
    for link in links { try FileManager.default.removeItem(at: link) }
    // A file of the manifest that is elsewhere, and one that never ends.
    let leaves = folder.url.appending(path: "job/leaves.bin")
    try FileManager.default.moveItem(at: leaves, to: folder.url.appending(path: "job/other"))
    try FileManager.default.createSymbolicLink(atPath: leaves.path, withDestinationPath: "other")
    try refused("job/leaves.bin")
    try FileManager.default.removeItem(at: leaves)
    #expect(mkfifo(leaves.path, 0o644) == 0)
    try refused("job/leaves.bin")
  }

  @Test func aFolderThatIsTooDeepIsRefused() async throws {
    let (folder, jobFolder) = try await copy()
    let deep = folder.url.appending(path: Array(repeating: "d", count: 20).joined(separator: "/"))
    try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
    let error = #expect(throws: NetworkError.self) { try jobFolder.check() }
    #expect(error?.message.contains("16 one in another") == true)
  }

  /// An operator that begins with other weights than the seed gives is found; where the job was given a model, the folder
  /// can't show it, and says so.
  @Test(arguments: [false, true])
  func whatTheJobBeganWithIsCheckedOrSaidNotToBe(isGiven: Bool) async throws {
    let first = try await TestNetwork.run(settings: NetworkSettings(nodes: 3))
    let network = first.network
    let record = try network.database.read { db in try JobStore.job(first.job, in: db) }
    let model = try #require(record.progress.rounds.last).startingParameters
    let plain = try TestNetwork.manifest()
    let manifest = try TrainingManifest(
      model: plain.model, tokenizerHash: plain.tokenizerHash, seed: plain.seed, batch: plain.batch,
      optimizer: plain.optimizer, initialWeights: isGiven ? .model(model) : .seed,
      stepsPerRound: plain.stepsPerRound, rounds: plain.rounds, segmentLength: plain.segmentLength,
      outer: plain.outer, quantiserExponent: plain.quantiserExponent)
    var request = try TestNetwork.request(network, manifest: manifest)
    request.initialParameters = model
    let job = try network.submit(request)
    let report = try await network.work(on: job, threads: 2)
    let folder = try TemporaryFolder()
    try network.exportModel(of: job, to: folder.url)
    try network.exportRecords(of: job, report: report, to: folder.url)
    try network.signFolder(of: job, at: folder.url)
    let checks = try JobFolder(folder.url).check()
    let sums = try #require(checks.first { $0.what.contains(" sums: ") })
    #expect(sums.what.contains("is not checked: it began with a given model") == isGiven)
    #expect(
      isGiven ? sums.holds : sums.problem?.hasPrefix("round 0: the seed gives the model 0x") == true,
      "\(sums.problem ?? "holds")")
  }

  /// Who changes a file and the manifest with it cannot sign for the network.
  @Test func anotherSignerDoesNotCount() async throws {
    let (folder, jobFolder) = try await copy()
    let file = folder.url.appending(path: "job/manifest.json")
    let signed = try JSONDecoder().decode(SignedFolderManifest.self, from: Data(contentsOf: file))
    let forged = SignedFolderManifest(
      signing: signed.content, in: signed.domain, with: try PrivateKey(bytes: SHA256.hash([1]).bytes))
    try WireFormat.readableEncoder.encode(forged).write(to: file)
    let problems = try jobFolder.check().compactMap(\.problem)
    #expect(problems.count == 1 && problems[0].contains("\(forged.signer)"), "\(problems)")
  }

  /// A network's folder that is opened, and a finished run that is asked for again, leave every byte.
  @Test func lookingAtANetworkChangesNothing() async throws {
    let folder = try TemporaryFolder()
    let place = folder.url.appending(path: "job")
    func open() throws -> LocalNetwork { try LocalNetwork(folder: place, seed: TestNetwork.seed()) }
    func problems() throws -> [String] { try JobFolder(folder.url).check().compactMap(\.problem) }
    var network: LocalNetwork? = try open()
    let job = try #require(
      try network.map { try $0.submit(TestNetwork.request($0, manifest: TestNetwork.manifest(rounds: 1))) })
    let report = try #require(try await network?.work(on: job, threads: 2))
    try network?.exportModel(of: job, to: folder.url)
    try network?.exportRecords(of: job, report: report, to: folder.url)
    // What a writer that was killed left is gone when the folder is signed.
    let unfinished = place.appending(path: "objects/.x.partial")
    try Data("x".utf8).write(to: unfinished)
    try network?.signFolder(of: job, at: folder.url)
    #expect(!FileManager.default.fileExists(atPath: unfinished.path))
    try network?.close()
    // Closed, it has left no log, and no process in the lock.
    #expect(try problems() == [])
    #expect(try Data(contentsOf: place.appending(path: "lock")).isEmpty)
    network = try open()
    #expect(try network?.jobs().count == 1)
    _ = try await network?.work(on: job, threads: 1)
    try network?.close()
    #expect(try problems() == [])
  }

  @Test func aFailedJobsRecordsCheckButForTheModelItDoesNotHave() async throws {
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 1, fault: FaultPlan(fault: .stall, node: 1)), parallel: 1, attempts: 1)
    let folder = try TemporaryFolder()
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let failed = try JobFolder(folder.url).check().filter { !$0.holds }
    #expect(failed.map(\.problem) == ["no round was completed"])
  }
}
