import Foundation
import Testing

@testable import emeth_cli

/// Root may do everything, so that nothing can be forbidden to it.
private let isRoot = geteuid() == 0

@Suite struct AtomicFileTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  private func mode(_ name: String) throws -> Int? {
    let attributes = try FileManager.default.attributesOfItem(atPath: scratch.path(name))
    return (attributes[.posixPermissions] as? NSNumber)?.intValue
  }

  @Test func writesReplacesAndLeavesNothingElse() throws {
    try AtomicFile.write("one", to: scratch.path("f"), mode: 0o640)
    #expect(try scratch.read("f") == "one")
    #expect(try mode("f") == 0o640)
    try AtomicFile.write("two", to: scratch.path("f"))
    #expect(try scratch.read("f") == "two")
    #expect(try scratch.names() == ["f"])
  }

  @Test func refusesToReplaceWhereItMustNot() throws {
    try scratch.write("old", to: "key")
    #expect(throws: FileError.alreadyExists(path: scratch.path("key"))) {
      try AtomicFile.write("new", to: scratch.path("key"), mode: 0o600, existing: .refused)
    }
    #expect(try scratch.read("key") == "old")
    #expect(try scratch.names() == ["key"])
    // A dangling link is a name that is taken, too.
    try FileManager.default.createSymbolicLink(atPath: scratch.path("link"), withDestinationPath: "nowhere")
    #expect(throws: FileError.self) {
      try AtomicFile.write("new", to: scratch.path("link"), existing: .refused)
    }
    #expect(try scratch.names() == ["key", "link"])
  }

  @Test func saysWhatIsInTheWay() throws {
    #expect(throws: FileError.notFound(path: scratch.path("none"))) {
      try AtomicFile.write("x", to: scratch.path("none/f"))
    }
    #expect(throws: FileError.isFolder(path: scratch.path(""))) {
      try AtomicFile.write("x", to: scratch.path(""))
    }
    try scratch.write("", to: "file")
    #expect(throws: FileError.isNotFolder(path: scratch.path("file/f"))) {
      try AtomicFile.write("x", to: scratch.path("file/f"))
    }
  }

  @Test(.enabled(if: !isRoot, "root may write everywhere"))
  func namesMissingPermission() throws {
    #expect(chmod(scratch.path(""), 0o500) == 0)
    defer { chmod(scratch.path(""), 0o700) }
    #expect(throws: FileError.noPermission(path: scratch.path("f"), action: .create)) {
      try AtomicFile.write("x", to: scratch.path("f"))
    }
  }

  @Test func foldersAppearWholeOrNotAtAll() throws {
    let folder = try AtomicFolder(at: scratch.path("model"))
    try "x".write(toFile: folder.workingPath + "/config.json", atomically: false, encoding: .utf8)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("model")))
    try folder.commit()
    #expect(try scratch.read("model/config.json") == "x")
    #expect(try scratch.names() == ["model"])

    let discarded = try AtomicFolder(at: scratch.path("other/"))
    discarded.discard()
    #expect(try scratch.names() == ["model"])
    #expect(throws: FileError.folderNotEmpty(path: scratch.path("model"))) {
      try AtomicFolder(at: scratch.path("model"))
    }
    try FileManager.default.createDirectory(atPath: scratch.path("empty"), withIntermediateDirectories: false)
    let replaced = try AtomicFolder(at: scratch.path("empty"))
    try replaced.commit()
    #expect(throws: FileError.alreadyExists(path: scratch.path("model/config.json"))) {
      try AtomicFolder(at: scratch.path("model/config.json"))
    }
    #expect(throws: FileError.notFound(path: scratch.path("no"))) {
      try AtomicFolder(at: scratch.path("no/where"))
    }
  }
}

@Suite struct InputFileTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  @Test func readsTextAndRefusesWhatIsNone() throws {
    try scratch.write("吾輩は猫である", to: "neko")
    #expect(try InputFile(scratch.path("neko")).text() == "吾輩は猫である")
    try Data([0x61, 0xE5, 0x90, 0xBE, 0xFF, 0x61]).write(to: scratch.url.appending(path: "broken"))
    #expect(throws: FileError.notText(path: scratch.path("broken"), byteOffset: 4)) {
      try InputFile(scratch.path("broken")).text()
    }
    try Data([0xE5, 0x90]).write(to: scratch.url.appending(path: "cut"))
    #expect(throws: FileError.notText(path: scratch.path("cut"), byteOffset: 0)) {
      try InputFile(scratch.path("cut")).text()
    }
  }

  @Test func refusesFoldersMissingFilesAndTooMuch() throws {
    #expect(throws: FileError.isFolder(path: scratch.path(""))) { try InputFile(scratch.path("")).bytes() }
    #expect(throws: FileError.notFound(path: scratch.path("no"))) {
      try InputFile(scratch.path("no")).bytes()
    }
    try scratch.write("12345", to: "five")
    #expect(try InputFile(scratch.path("five")).bytes(limit: 5).count == 5)
    #expect(throws: FileError.tooLarge(path: scratch.path("five"), allowedBytes: 4)) {
      try InputFile(scratch.path("five")).bytes(limit: 4)
    }
  }
}
