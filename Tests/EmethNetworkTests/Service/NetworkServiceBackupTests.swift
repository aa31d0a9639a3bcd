import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Backups of a network that is at work, and what is made of them.
@Suite(.serialized) struct NetworkServiceBackupTests {
  @Test func aBackupMadeInTheMiddleOfAJobEndsItWithOtherNodes() async throws {
    let local = try await NetworkServiceTests.localRoot()
    let scratch = try TemporaryFolder()
    let file = scratch.url.appending(path: "net.tar")
    var settings = try ServiceScene.settings()
    settings.periods.openingSeconds = 5
    let job = try await ServiceScene.with(settings, on: .sqlite) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let end = ContinuousClock.now + .seconds(120)
      while try !scene.server.service().subJobs(of: job).contains(where: { $0.status == .submitted }) {
        try #require(ContinuousClock.now < end, "no node hands anything in")
        try await Task.sleep(for: .milliseconds(10))
      }
      let contents = try NetworkBackup(folder: scene.server.folder).write(to: file)
      #expect(contents.objects > 0 && contents.bytes > 0)
      #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int == 0o600)
      #expect(!FileManager.default.fileExists(atPath: scene.server.folder.appending(path: "backup").path))
      return job
    }
    // All nodes are gone with what they had; verifiers have their keys, from which their secrets follow.
    let scene = try ServiceScene(settings)
    await scene.server.stop()
    try Files.remove(scene.server.folder)
    _ = try NetworkBackup.restore(file, to: scene.server.folder)
    try scene.server.start()
    for index in 3..<6 { try scene.startNode(index) }
    for index in 0..<2 { try scene.startVerifier(index) }
    let report = try await scene.end(of: job, within: 240)
    #expect(report.status == "VERIFIED", "\(report.reason)")
    #expect(report.stateRoot == local)
    #expect(try scene.server.service().audit().holds)
    await scene.stop()
  }

  @Test func othersReadItAndNothingDamagedIsRestored() async throws {
    let scratch = try TemporaryFolder()
    let file = scratch.url.appending(path: "net.tar")
    let source = scratch.url.appending(path: "source")
    let service = try NetworkService(folder: source, settings: ServiceScene.settings())
    let text = Data("a data set that somebody gave".utf8)
    let hash = try service.give(text, by: ServiceScene.requester.address)
    let contents = try NetworkBackup(folder: source).write(to: file)
    #expect(contents.objects == 2, "the data set, and who gave it")

    let tar = Process()
    tar.executableURL = URL(filePath: "/usr/bin/env")
    tar.arguments = ["tar", "-xf", file.path, "-C", scratch.url.path]
    try tar.run()
    tar.waitUntilExit()
    #expect(tar.terminationStatus == 0)
    let name = "splitter/\(ContentStore.key(of: hash))"
    #expect(try Data(contentsOf: scratch.url.appending(path: name)) == text)
    #expect(
      FileManager.default.fileExists(
        atPath: scratch.url.appending(
          path: "splitter/givers/\(Hex.encode(hash.bytes, prefixed: false))-\(ServiceScene.requester.address)"
        ).path))

    let target = scratch.url.appending(path: "target")
    #expect(try NetworkBackup.restore(file, to: target) == contents)
    #expect(throws: NetworkError.self) { try NetworkBackup.restore(file, to: target) }
    // A file that is called so stays.
    let other = scratch.url.appending(path: "letter")
    try text.write(to: other)
    #expect(throws: NetworkError.self) { try NetworkBackup.restore(file, to: other) }
    #expect(try Data(contentsOf: other) == text)
    // An empty folder is as good as none.
    let empty = scratch.url.appending(path: "empty")
    try Files.makeFolder(empty)
    #expect(try NetworkBackup.restore(file, to: empty) == contents)
    let restored = try NetworkService(folder: target, settings: ServiceScene.settings())
    #expect(restored.signerAddress == service.signerAddress)
    #expect(try restored.audit() == service.audit())

    let bytes = try Data(contentsOf: file)
    let place = try #require(bytes.range(of: text))
    var changed = bytes
    changed[place.lowerBound] ^= 1
    for (damaged, code) in [
      (changed, "storage.corrupt"), (bytes.dropLast(1_100), "wire.malformed"),
      (Data("no archive".utf8), "wire.malformed"), (bytes.prefix(512 * 4), "wire.malformed"),
    ] {
      try damaged.write(to: file)
      let other = scratch.url.appending(path: "other")
      let error = #expect(throws: NetworkError.self) { try NetworkBackup.restore(file, to: other) }
      #expect(error?.code == code, "\(error?.message ?? "")")
      #expect(!FileManager.default.fileExists(atPath: other.path))
    }
    // Names that lead out of the folder, or to files that no network has.
    for name in ["../escaped", "objects/../../escaped", "/escaped", "objects/.escaped", "lock"] {
      try Files.write(to: file) { archive throws(NetworkError) in
        try TarArchive.append(source.appending(path: "seed"), as: name, to: archive)
        try TarArchive.end(archive)
      }
      let error = #expect(throws: NetworkError.self) {
        try NetworkBackup.restore(file, to: scratch.url.appending(path: "other"))
      }
      #expect(error?.message.contains("belongs to no network") == true, "\(error?.message ?? "")")
    }
    #expect(throws: NetworkError.self) {
      try NetworkBackup(folder: scratch.url.appending(path: "nowhere")).write(to: file)
    }
  }
}
