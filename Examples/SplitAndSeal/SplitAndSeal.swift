import EmethKit

/// A data set from requester to nodes: cut into records, divided evenly, sealed part by part, handed on to another
/// node without sealing anything twice, and its coverage checked: EmethKit alone.
@main struct SplitAndSeal {
  static func main() throws {
    var random = SystemRandomNumberGenerator()
    let text = Array(
      "I am a cat. As yet I have no name. Where was I born?\nI have no idea.\nIt was dark.\n".utf8)

    // The requester cuts the text into sentences and plans two parts; salts hide short records from guessing.
    let records = try RecordKind.sentence.records(in: text)
    let ranges = try SplitPlan.ranges(recordCount: UInt64(records.count), parts: 2)
    let secret = SplitSecret(SHA256.hash(FileKey(using: &random).withSecretBytes { Array($0) }))
    let leaves = ranges.enumerated().flatMap { part, range in
      let hasher = RecordHasher(partSecret: secret.partSecret(UInt32(part)))
      return range.map { index in
        text[records[Int(index)]].withUnsafeBytes { hasher.leafHash(of: $0, at: index) }
      }
    }
    let plan = try SplitPlan(leafHashes: leaves, parts: 2)
    print(
      "\(records.count) sentences in parts of \(plan.parts.map { "\($0.count)" }.joined(separator: " and "))")

    // A part is encrypted once, under a random file key; for each node that takes it a header is written.
    let part = records[Int(ranges[1].lowerBound)].lowerBound..<text.count
    let nodes = [SealingIdentity(using: &random), SealingIdentity(using: &random)]
    let fileKey = FileKey(using: &random)
    var stream = try SealingStream(header: nil, key: PayloadKey(fileKey: fileKey, using: &random))
    var payload: [UInt8] = []
    try stream.append(text[part], to: &payload)
    try stream.finish(to: &payload)
    for node in nodes {
      let header = try SealedHeader(of: fileKey, to: [node.recipient], using: &random)
      let opened = try OpeningStream.open(header.encoded + payload, with: [node])
      print("a node opens \(opened.count) bytes, the part itself: \(opened.elementsEqual(text[part]))")
    }
    do {
      let header = try SealedHeader(of: fileKey, to: [nodes[0].recipient], using: &random)
      _ = try OpeningStream.open(header.encoded + payload, with: [nodes[1]])
    } catch {
      print("the other node gets: \(error.code)")
    }

    // Whoever holds the records checks that each is in exactly one part.
    try plan.check(leafHashes: leaves)
    do {
      try plan.check(leafHashes: leaves.dropLast() + [.zero])
    } catch {
      print("a record that was changed is found: \(error.code)")
    }
  }
}
