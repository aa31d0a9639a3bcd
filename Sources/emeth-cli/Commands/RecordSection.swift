import EmethKit

/// Some whole records of one part that are hashed in one go, about a mebibyte.
struct RecordSection: Equatable, Sendable {
  /// The part in which they lie.
  var part: UInt32
  /// The place of the part's first record in the whole data set.
  var partStart: UInt64
  /// Their places in the whole data set.
  var records: Range<UInt64>
  /// Where they lie in the file that is read.
  var bytes: Range<UInt64>
  /// Where they lie in the part's own file.
  var offsetInPart: UInt64
}

extension RecordIndex {
  /// All records of a whole data set in sections that end where the parts do and at these records too.
  func sections(
    of builder: SplitPlanBuilder, in file: DataSetFile, cutAt cuts: [UInt64] = []
  ) throws -> [RecordSection] {
    let starts = (0..<builder.partCount).map { builder.records(of: $0).lowerBound }
    let boundaries = try places(of: (starts + cuts).sorted(), in: file)
    var sections: [RecordSection] = []
    var part: UInt32 = 0
    var partOffset: UInt64 = 0
    let all = Self.merged(places, boundaries)
    for (start, end) in zip(all, all.dropFirst()) {
      if part + 1 < builder.partCount, start.record == starts[Int(part) + 1] {
        part += 1
        partOffset = start.offset
      }
      sections.append(
        RecordSection(
          part: part, partStart: starts[Int(part)], records: start.record..<end.record,
          bytes: start.offset..<end.offset, offsetInPart: start.offset - partOffset))
    }
    return sections
  }

  /// All records of a file that holds one part alone, in sections that end at these records of the data set
  /// too.
  func sections(
    ofPart part: SplitPlan.Part, in file: DataSetFile, cutAt cuts: [UInt64] = []
  ) throws -> [RecordSection] {
    let inside = cuts.filter { part.records.contains($0) }.map { $0 - part.firstRecord }
    let all = Self.merged(places, try places(of: inside.sorted(), in: file))
    return zip(all, all.dropFirst()).map { start, end in
      RecordSection(
        part: part.index, partStart: part.firstRecord,
        records: (part.firstRecord + start.record)..<(part.firstRecord + end.record),
        bytes: start.offset..<end.offset, offsetInPart: start.offset)
    }
  }

  /// Two ascending lists as one, each place once.
  private static func merged(_ first: [Place], _ second: [Place]) -> [Place] {
    var merged: [Place] = []
    merged.reserveCapacity(first.count + second.count)
    var second = second[...]
    for place in first {
      while let other = second.first, other.record <= place.record {
        if merged.last != other { merged.append(other) }
        second.removeFirst()
      }
      if merged.last != place { merged.append(place) }
    }
    return merged
  }
}
