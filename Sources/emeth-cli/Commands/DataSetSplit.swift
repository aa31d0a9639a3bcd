import EmethKit
import Foundation

/// One run of `emeth split`: what is divided, and how.
struct DataSetSplit: Sendable {
  /// A file, or `-` for standard input.
  var path: String
  var kind: RecordKind
  var partCount: UInt32
  /// The one part that is written; nil for all of them.
  var onlyPart: UInt32?
  var secret: SplitSecret

  /// Writes parts, secret and manifest into a folder that is empty.
  func write(into folder: SplitFolder, context: CommandContext) throws -> SplitManifest {
    let file = try DataSetFile(path, spoolFolder: folder.path)
    let index = try RecordIndex(reading: file, kind: kind, cancellation: context.cancellation)
    let builder = try SplitPlanBuilder(recordCount: index.recordCount, parts: partCount)
    let sections = try index.sections(of: builder, in: file)
    let names = (0..<partCount).map { SplitManifest.fileName(part: $0, of: partCount, kind: kind) }
    let (secret, onlyPart) = (secret, onlyPart)
    let hashing = RecordHashing(
      file: file, kind: kind, partSecret: { secret.partSecret($0) }, context: context, title: "splitting",
      write: { section, bytes in
        guard onlyPart == nil || onlyPart == section.part else { return }
        try folder.write(section, bytes, to: names[Int(section.part)])
      })
    let plan = try hashing.run(sections, into: builder).plan()
    let manifest = try SplitManifest(kind: kind, plan: plan, files: files(names, sections))
    try writeRecords(manifest, into: folder)
    return manifest
  }

  private func files(_ names: [String], _ sections: [RecordSection]) -> [SplitManifest.File] {
    var sizes = [UInt64](repeating: 0, count: names.count)
    for section in sections { sizes[Int(section.part)] += UInt64(section.bytes.count) }
    return zip(names, sizes).map { SplitManifest.File(name: $0, byteCount: $1) }
  }

  private func writeRecords(_ manifest: SplitManifest, into folder: SplitFolder) throws {
    if let onlyPart {
      try SplitSecretFile(folder.secretPath(of: onlyPart, in: manifest)).create(secret.partSecret(onlyPart))
    } else {
      try SplitSecretFile(folder.secretPath).create(secret.bytes)
    }
    try AtomicFile.write(manifest.canonicalJSON, to: folder.manifestPath)
  }
}

/// What `emeth split` prints.
struct SplitResult: Encodable, Sendable {
  struct Part: Encodable, Sendable {
    var index: UInt32
    var file: String
    @DecimalText var firstRecord: UInt64
    @DecimalText var records: UInt64
    @DecimalText var bytes: UInt64
    var root: Bytes32
  }

  var folder: String
  var manifest: String
  var manifestHash: Bytes32
  var recordKind: RecordKind
  @DecimalText var records: UInt64
  @DecimalText var bytes: UInt64
  var recordsRoot: Bytes32
  var parts: [Part]
  /// The one part that was written; absent when all of them were.
  var writtenPart: UInt32?

  init(_ manifest: SplitManifest, folder: SplitFolder, onlyPart: UInt32?) {
    self.folder = folder.path
    self.manifest = folder.manifestPath
    manifestHash = manifest.hash
    recordKind = manifest.kind
    records = manifest.plan.recordCount
    bytes = manifest.byteCount
    recordsRoot = manifest.plan.recordsRoot
    writtenPart = onlyPart
    parts = zip(manifest.plan.parts, manifest.files).map { part, file in
      Part(
        index: part.index, file: file.name, firstRecord: part.firstRecord,
        records: part.count,
        bytes: file.byteCount, root: part.root)
    }
  }

  /// The same for people.
  func text(for terminal: Terminal) -> String {
    var table = TextTable([
      .init("part", .right), .init("file"), .init("records", .right), .init("bytes", .right), .init("root"),
    ])
    for part in parts where writtenPart == nil || writtenPart == part.index {
      table.add([
        "\(part.index)", part.file, NumberText.grouped(part.records),
        NumberText.grouped(part.bytes), part.root.description,
      ])
    }
    let written = writtenPart.map { "part \($0) of \(parts.count)" } ?? "\(parts.count) parts"
    return """
      \(folder): \(written), \(NumberText.grouped(records)) records (\(recordKind)) in all
      \(table.text(for: terminal))records root   \(recordsRoot)
      manifest hash  \(manifestHash)

      """
  }
}
