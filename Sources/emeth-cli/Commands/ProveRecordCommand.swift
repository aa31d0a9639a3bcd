import EmethKit
import Foundation

extension Command {
  /// `emeth prove-record FOLDER RECORD`: shows one record and its place, and nothing of the others.
  static let proveRecord = Command(
    CommandDefinition(
      "prove-record", section: .requester, summary: "prove in which part of a split one record lies",
      discussion: [
        "Reads the folder of `emeth split` and prints the proof as JSON: the record, its salt, and the hashes "
          + "that lead to the root of its part and to the root of all records. `emeth verify` checks it. It "
          + "shows nothing of the other records. A record of up to 4 MiB can be proven."
      ],
      arguments: [ProveRecordArguments.folder, ProveRecordArguments.record],
      flags: [CommonFlags.json],
      examples: [
        CommandExample("emeth prove-record parts 0 > proof.json", "the proof of the first record"),
        CommandExample(
          "emeth prove-record parts 7 | emeth verify - --manifest parts/manifest.json", "how others check it"),
      ])
  ) { parsed, context in
    let folder = SplitFolder(parsed[ProveRecordArguments.folder])
    guard let manifest = try folder.manifest() else {
      throw CommandFailure(
        .badInput, code: "split.noManifest",
        "\(folder.path) is not the folder of a split: \(SplitFolder.manifestName) is missing or another's",
        hint: "`emeth split` makes such folders")
    }
    let reader = SplitPartReader(folder: folder, manifest: manifest, context: context)
    let proof = try prove(parsed[ProveRecordArguments.record], with: reader)
    try context.output.write(JSONText.pretty(proof))
    return .done
  }

  private static func prove(_ record: UInt64, with reader: SplitPartReader) throws -> RecordProof {
    var builder = try RecordProofBuilder(record: record, plan: reader.manifest.plan)
    var content: [UInt8] = []
    var salt: [UInt8] = []
    for planned in reader.manifest.plan.parts {
      guard let secret = try reader.folder.partSecret(planned.index, in: reader.manifest) else {
        throw FileError.notFound(path: reader.folder.secretPath)
      }
      let part = try reader.open(planned, secret: secret)
      builder = try reader.hash(part, cutAt: [record, record + 1], into: builder)
      guard planned.index == builder.part.index else { continue }
      content = try reader.read(record, of: part)
      salt = RecordHasher(partSecret: secret).salt(of: record)
    }
    return try builder.proof(content: content, salt: salt)
  }

  private enum ProveRecordArguments {
    static let folder = Argument(
      "FOLDER", .folder, help: "what `emeth split` made, with all parts and the secret")
    static let record = Argument("RECORD", .unsigned(), help: "the record's place in the data set, from 0")
  }
}
