import EmethKit

/// Where the records of a data set lie, known after one reading: 16 bytes for every mebibyte.
///
/// The number of records must be known before the first part can end, and a record's salt depends on its
/// part, so a data set is read twice: to count and check, then to hash and write. The index makes the
/// second reading one of independent sections, on all processors.
struct RecordIndex: Sendable {
  /// A boundary between two records.
  struct Place: Equatable, Sendable {
    var record: UInt64
    var offset: UInt64
  }

  let kind: RecordKind
  /// From the beginning to the end, about a mebibyte apart.
  private(set) var places = [Place(record: 0, offset: 0)]
  /// The end of the last record.
  private var end = Place(record: 0, offset: 0)

  private static let sectionByteCount: UInt64 = 1 << 20

  /// Reads a data set through and checks that it is whole records.
  ///
  /// - Throws: `CommandFailure` with the file's name, `FileError`, `Interruption`.
  init(reading file: DataSetFile, kind: RecordKind, cancellation: Cancellation) throws {
    self.kind = kind
    var scanner = RecordScanner(kind)
    do {
      try file.readAll { bytes in
        try cancellation.check()
        try scanner.scan(bytes) { take($0) }
      }
      try scanner.finish { take($0) }
    } catch let error as SplittingError {
      throw CommandFailure(inDataSet: file.name, error)
    }
    if end != places[places.count - 1] { places.append(end) }
    guard byteCount > 0 else { throw FileError.empty(path: file.name) }
  }

  /// Takes in the end of the next record.
  private mutating func take(_ offset: UInt64) {
    end = Place(record: end.record + 1, offset: offset)
    if offset - places[places.count - 1].offset >= Self.sectionByteCount { places.append(end) }
  }

  var recordCount: UInt64 { end.record }

  var byteCount: UInt64 { end.offset }

  /// The offsets at which records begin, looked up in the file between two places that are known.
  ///
  /// - Parameter records: In ascending order, at most the number of records.
  func places(of records: [UInt64], in file: DataSetFile) throws -> [Place] {
    var found: [Place] = []
    var interval = 0
    var wanted = records[...]
    while let record = wanted.first {
      while interval + 1 < places.count, places[interval + 1].record <= record { interval += 1 }
      let start = places[interval]
      guard interval + 1 < places.count, record > start.record else {
        found.append(Place(record: record, offset: start.offset))
        wanted.removeFirst()
        continue
      }
      let end = places[interval + 1]
      let inside = wanted.prefix { $0 < end.record }
      found += try scan(from: start, to: end, for: inside, in: file)
      wanted = wanted.dropFirst(inside.count)
    }
    return found
  }

  private func scan(
    from start: Place, to end: Place, for records: ArraySlice<UInt64>, in file: DataSetFile
  ) throws -> [Place] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Int(end.offset - start.offset), alignment: 64)
    defer { buffer.deallocate() }
    guard try file.read(into: buffer, at: start.offset) else { throw CommandFailure.changed(file.name) }
    var scanner = RecordScanner(kind, at: start.offset, record: start.record)
    var found: [Place] = []
    var wanted = records[...]
    var record = start.record
    func take(_ offset: UInt64) {
      record += 1
      while wanted.first == record {
        found.append(Place(record: record, offset: offset))
        wanted.removeFirst()
      }
    }
    do {
      try scanner.scan(UnsafeRawBufferPointer(buffer), recordEnd: take)
    } catch {
      throw CommandFailure.changed(file.name)
    }
    guard wanted.isEmpty else { throw CommandFailure.changed(file.name) }
    return found
  }
}

extension CommandFailure {
  /// What is wrong with the records of a file.
  init(inDataSet name: String, _ error: SplittingError) {
    self.init(.badInput, code: error.code, "\(name): \(error.message)", hint: error.hint)
  }

  /// The file is not what it was when it was read the first time.
  static func changed(_ name: String) -> CommandFailure {
    CommandFailure(
      .unavailable, code: "split.changed", "\(name) changed while it was being read",
      hint: "run it again when nobody writes to the file")
  }
}
