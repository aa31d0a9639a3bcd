import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// No byte of a finished job's folder can be changed without being found where it is, whatever the job was.
@Suite struct JobFolderBytesTests {
  enum Kind: String, CaseIterable {
    /// Updates that were added masked, one node having cheated.
    case masked
    /// Updates with noise.
    case noisy
    /// Relabelled tokens, and noise.
    case relabelled
    /// No training.
    case computed
    /// A training whose network lies in the folder with all that it works with, as `emeth run` leaves it.
    case whole
  }

  /// A finished job's folder, as a third party gets it.
  private func folder(of kind: Kind) async throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    if kind == .computed {
      let scene = try ComputedJobTests.Scene(.meanOfNumbers, (1...100).map { "\($0).5\n" }.joined())
      let report = try await scene.run().report
      #expect(try scene.checks(report).allSatisfy(\.holds))
      for name in try FileManager.default.contentsOfDirectory(atPath: scene.folder.url.path) {
        try FileManager.default.copyItem(
          at: scene.folder.url.appending(path: name), to: folder.url.appending(path: name))
      }
      return folder
    }
    if kind == .whole {
      try await runInside(folder)
      return folder
    }
    let fault = kind == .masked ? FaultPlan(fault: .swappedFinal, node: 2) : nil
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 3, check: .all, fault: fault),
      manifest: kind == .masked
        ? TestNetwork.manifest() : TestNetwork.privateManifest(masked: kind == .relabelled))
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    return folder
  }

  /// Runs a job in a network in the folder itself, and closes it.
  private func runInside(_ folder: TemporaryFolder) async throws {
    let network = try LocalNetwork(
      folder: folder.url.appending(path: "job"), seed: TestNetwork.seed(), settings: NetworkSettings(nodes: 3)
    )
    let job = try network.submit(
      TestNetwork.request(network, manifest: TestNetwork.manifest(rounds: 1)))
    let report = try await network.work(on: job, threads: 2)
    try network.exportModel(of: job, to: folder.url)
    try network.exportRecords(of: job, report: report, to: folder.url)
    try network.signFolder(of: job, at: folder.url)
    try network.close()
  }

  /// All files of a folder that have a byte to change.
  private func filesWithBytes(_ folder: URL) throws -> Set<String> {
    var found: Set<String> = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      var isFolder: ObjCBool = false
      let file = folder.appending(path: path).path
      guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), !isFolder.boolValue else {
        continue
      }
      let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
      if size > 0 { found.insert(path) }
    }
    return found
  }

  /// Some bytes of every file, each changed to any other; EMETH_TEST_SCALE takes that many times more of them, and
  /// so all where it is as large as the largest file.
  @Test(arguments: Kind.allCases)
  func aChangedByteIsFoundWhereItIs(kind: Kind) async throws {
    let folder = try await folder(of: kind)
    let jobFolder = JobFolder(folder.url)
    let problems = try jobFolder.check().compactMap(\.problem)
    #expect(problems == [])
    let manifest = FolderContents.manifestPath
    let paths = try FolderContents(folder: folder.url).paths() + [manifest]
    #expect(try filesWithBytes(folder.url).isSubset(of: paths), "there is a file that nobody looks at")
    #expect(paths.contains("job/network.sqlite") || kind != .whole)
    let expected = kind == .computed ? "result.dat" : "model.safetensors"
    #expect(paths.contains(expected) && paths.contains("job/records.json"), "\(paths)")
    #expect(paths.contains("job/vocabulary-mask") == (kind == .relabelled))
    let scale = ProcessInfo.processInfo.environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1
    var random = SystemRandomNumberGenerator()
    // Of what the network works with there are many files.
    let each = kind == .whole ? 1 : 3
    for path in paths {
      let file = folder.url.appending(path: path)
      let bytes = try Data(contentsOf: file)
      let count = min(bytes.count, each * scale)
      let places =
        count == bytes.count
        ? Set(bytes.indices) : Set((0..<count).map { _ in bytes.indices.randomElement(using: &random) ?? 0 })
      for place in places.sorted() {
        var changed = bytes
        changed[place] ^= UInt8.random(in: 1...255, using: &random)
        try changed.write(to: file)
        let found = "\(kind), \(path), byte \(place): \(bytes[place]) to \(changed[place])"
        do {
          let problems = try jobFolder.check().compactMap(\.problem).joined(separator: "; ")
          // What is wrong with the manifest itself is told by what it signs.
          #expect(path == manifest ? !problems.isEmpty : problems.contains(path), "\(found): \(problems)")
        } catch {
          guard case .malformed(let what, let reason) = error else { throw error }
          #expect(what.hasSuffix(path) && !reason.isEmpty, "\(found): \(what) \(reason)")
        }
      }
      try bytes.write(to: file)
    }
    #expect(try jobFolder.check().compactMap(\.problem) == [])
  }
}
