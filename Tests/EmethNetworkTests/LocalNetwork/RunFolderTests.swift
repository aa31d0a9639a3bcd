import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct RunFolderTests {
  private static let text = TestNetwork.text()

  /// A request that needs no network to be made; its data set is stored by ``open(_:text:seed:nodes:)``.
  private static func request(text: String = text) throws -> TrainingRequest {
    TrainingRequest(
      manifest: try TestNetwork.manifest(rounds: 1), dataSetName: "sentences",
      dataSet: SHA256.hash(Array(text.utf8)),
      parallel: 2, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 86_400)
  }

  private static func open(
    _ wanted: URL?, text: String = text, seed: UInt64 = 1, nodes: Int = 2
  ) throws -> RunFolder {
    try RunFolder(
      wanted: wanted, seed: TestNetwork.seed(seed), settings: NetworkSettings(nodes: nodes),
      request: request(text: text)
    ) { network in try network.keep(dataSet: Data(text.utf8)) }
  }

  /// Every file below a folder with its bytes, without what SQLite and the lock keep beside the database.
  private static func content(_ folder: URL) throws -> [String: Data] {
    var content: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      if path.hasSuffix("-wal") || path.hasSuffix("-shm") { continue }
      content[path] = try? Data(contentsOf: folder.appending(path: path))
    }
    return content
  }

  @Test func aNewFolderIsMadeForANewRun() throws {
    let folder = try TemporaryFolder()
    let run = try Self.open(folder.url.appending(path: "deep/model"))
    #expect(!run.isResumed)
    #expect(try run.network.job(run.job).status == .requested)
    #expect(run.network.folder.path == folder.url.path + "/deep/model/job")
    #expect(try run.network.splitterStore.contains(SHA256.hash(Array(Self.text.utf8))))
  }

  @Test func anEmptyFolderThatIsThereIsTaken() throws {
    let folder = try TemporaryFolder()
    #expect(try !Self.open(folder.url).isResumed)
  }

  @Test func aRunIsFoundAgainAndGoesOn() async throws {
    let folder = try TemporaryFolder()
    let first = try Self.open(folder.url)
    let again = try Self.open(folder.url)
    #expect(again.isResumed && again.job == first.job)
    #expect(try again.network.jobs().count == 1)

    let report = try await again.network.work(on: again.job, threads: 1)
    #expect(report.status == "VERIFIED")
    let finished = try Self.open(folder.url)
    #expect(finished.isResumed && finished.job == first.job)
    #expect(try finished.network.job(finished.job).status == .verified)
    #expect(try finished.network.report(on: finished.job).comparable == report.comparable)
  }

  @Test func anotherRunIsRefusedAndStaysAsItIs() throws {
    let folder = try TemporaryFolder()
    let job = try Self.open(folder.url).job
    let before = try Self.content(folder.url)
    let other = TestNetwork.text(sentences: 200)
    for body in [
      { try Self.open(folder.url, text: other) },
      { try Self.open(folder.url, seed: 2) },
      { try Self.open(folder.url, nodes: 3) },
    ] as [() throws -> RunFolder] {
      #expect {
        _ = try body()
      } throws: { error in
        guard case NetworkError.otherRun(let path, _, _, _) = error else { return false }
        return path.hasPrefix(folder.url.path)
      }
    }
    let again = try Self.open(folder.url)
    #expect(try again.network.jobs().map(\.jobId) == [job], "no second job was registered")
    #expect(again.network.settings.nodes == 2)
    #expect(try Set(Self.content(folder.url).keys) == Set(before.keys), "no object was stored")
  }

  @Test(arguments: ["notes.txt", "config.json", "job/leaves.bin"])
  func otherFilesAreRefusedAndStayAsTheyAre(name: String) throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("precious".utf8).write(to: file)
    #expect(
      throws: NetworkError.otherRun(
        path: folder.url.path, what: "its content", found: "other files", wanted: "nothing, or this run")
    ) {
      _ = try Self.open(folder.url)
    }
    #expect(try Self.content(folder.url) == [name: Data("precious".utf8)])
  }

  @Test func aFileInTheWayIsNamedAndStays() throws {
    let folder = try TemporaryFolder()
    let file = folder.url.appending(path: "model")
    try Data("precious".utf8).write(to: file)
    for wanted in [file, file.appending(path: "below")] {
      #expect {
        _ = try Self.open(wanted)
      } throws: { error in
        (error as? NetworkError)?.message.contains(file.path) ?? false
      }
    }
    #expect(try Self.content(folder.url) == ["model": Data("precious".utf8)])
  }

  @Test func aRefusedRequestLeavesNothing() throws {
    let folder = try TemporaryFolder()
    var request = try Self.request()
    request.parallel = 0
    #expect(throws: NetworkError.self) {
      _ = try RunFolder(
        wanted: folder.url.appending(path: "model"), seed: TestNetwork.seed(), settings: NetworkSettings(),
        request: request
      ) { _ in }
    }
    // An object that cannot be stored, as when the disk is full, leaves nothing either.
    request.parallel = 2
    #expect(throws: NetworkError.interrupted) {
      _ = try RunFolder(
        wanted: folder.url.appending(path: "deep/model"), seed: TestNetwork.seed(),
        settings: NetworkSettings(),
        request: request
      ) { _ in throw NetworkError.interrupted }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  /// The names depend on the current folder, which belongs to the whole process: hence a process of its own.
  @Test func withoutANameTheyCountUp() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      defer { withExtendedLifetime(folder) {} }
      try #require(FileManager.default.changeCurrentDirectoryPath(folder.url.path))
      let first = try Self.open(nil)
      let name = "emeth-" + Hex.encode(first.job.bytes, prefixed: false).prefix(8)
      #expect(first.model.lastPathComponent == name)

      // The same run goes on in its folder; other data is another job with another name.
      let resumed = try Self.open(nil)
      #expect(resumed.isResumed && resumed.model.lastPathComponent == name)
      let other = try Self.open(nil, text: TestNetwork.text(sentences: 200))
      #expect(other.model.lastPathComponent != name && !other.isResumed)

      // While somebody works on it, and when it has ended, the next name is taken.
      do {
        let lock = try FolderLock(folder: first.network.folder)
        let second = try Self.open(nil)
        #expect(second.model.lastPathComponent == name + "-2" && !second.isResumed)
        withExtendedLifetime(lock) {}
      }
      _ = try await first.network.work(on: first.job, threads: 1)
      let again = try Self.open(nil)
      #expect(again.model.lastPathComponent == name + "-2" && again.isResumed)
      _ = try await again.network.work(on: again.job, threads: 1)
      let third = try Self.open(nil)
      #expect(third.model.lastPathComponent == name + "-3" && !third.isResumed)

      // A file of the name is stepped over.
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
      #expect(files.count == 4, "\(files)")
      _ = try await third.network.work(on: third.job, threads: 1)
      try Data("precious".utf8).write(to: folder.url.appending(path: name + "-4"))
      #expect(try Self.open(nil).model.lastPathComponent == name + "-5")
      #expect(try Data(contentsOf: folder.url.appending(path: name + "-4")) == Data("precious".utf8))
    }
  }
}
