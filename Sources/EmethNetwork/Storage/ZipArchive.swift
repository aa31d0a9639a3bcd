import CZlib
import EmethKit
import Foundation

/// An archive of one file, as jobs' files travel in the storage of the 2023 network: `.zip`, which every tool opens.
enum ZipArchive {
  private static let localMark: UInt32 = 0x0403_4B50
  private static let centralMark: UInt32 = 0x0201_4B50
  private static let endMark: UInt32 = 0x0605_4B50
  private static let endLength = 22

  /// An archive of one file, as it is and not compressed. The same file gives the same bytes.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` for 4 GiB and above.
  static func archive(_ data: Data, named name: String) throws(NetworkError) -> Data {
    guard data.count < Int(UInt32.max) - 1_024 else {
      throw .badSetting(name: "bytes of a job's file", found: "\(data.count)", allowed: "below 2^32")
    }
    let (size, check, title) = (UInt32(data.count), checkSum(of: data), Array(name.utf8))
    var entry = Data()
    // Version 2.0, UTF-8 names, stored, 1 January 1980.
    for part: UInt16 in [20, 0x0800, 0, 0, 0x0021] { append(part, to: &entry) }
    for part in [check, size, size] { append(part, to: &entry) }
    for part in [UInt16(title.count), 0] { append(part, to: &entry) }
    var archive = Data()
    append(localMark, to: &archive)
    archive.append(entry)
    archive.append(contentsOf: title)
    archive.append(data)
    let central = UInt32(archive.count)
    append(centralMark, to: &archive)
    append(UInt16(20), to: &archive)
    archive.append(entry)
    for part: UInt16 in [0, 0, 0] { append(part, to: &archive) }
    for part: UInt32 in [0, 0] { append(part, to: &archive) }
    archive.append(contentsOf: title)
    let length = UInt32(archive.count) - central
    append(endMark, to: &archive)
    for part: UInt16 in [0, 0, 1, 1] { append(part, to: &archive) }
    for part in [length, central] { append(part, to: &archive) }
    append(UInt16(0), to: &archive)
    return archive
  }

  /// The one file of an archive, whatever its name; folders in it do not count.
  ///
  /// - Parameter limit: how many bytes it may have.
  /// - Throws: ``NetworkError/malformed(what:reason:)``.
  static func file(of archive: Data, limit: Int) throws(NetworkError) -> Data {
    let reader = Reader(bytes: archive)
    guard let end = reader.end else { throw refused("it has no directory at its end") }
    let count = try reader.number(end + 10, 2)
    var place = try reader.number(end + 16, 4)
    guard count < 1_000, place != Int(UInt32.max) else {
      throw refused("it has \(count) members or is ZIP64")
    }
    var found: Data?
    for _ in 0..<count {
      guard try reader.number(place, 4) == Int(centralMark) else { throw refused("its directory is broken") }
      let (nameLength, extra, comment) = (
        try reader.number(place + 28, 2), try reader.number(place + 30, 2), try reader.number(place + 32, 2)
      )
      let name = try reader.bytes(place + 46, nameLength)
      if name.last != UInt8(ascii: "/") {
        guard found == nil else { throw refused("it has more than one file") }
        found = try reader.member(at: place, limit: limit)
      }
      place += 46 + nameLength + extra + comment
    }
    guard let found else { throw refused("it has no file") }
    return found
  }

  /// What errors call it.
  static let errorName = "zip archive"

  private static func refused(_ reason: String) -> NetworkError {
    .malformed(what: errorName, reason: reason)
  }

  /// The check of zip archives: CRC-32, polynomial 0xEDB88320.
  private static func checkSum(of data: Data) -> UInt32 {
    data.withUnsafeBytes { UInt32(crc32_z(0, $0.bindMemory(to: UInt8.self).baseAddress, $0.count)) }
  }

  /// What was compressed (RFC 1951), which is `count` bytes: not one more is ever held.
  private static func decompressed(_ packed: Data, count: Int) throws(NetworkError) -> Data {
    // zlib counts in 32 bits and takes no null pointer: one byte more than asked for is room for what is too long.
    guard packed.count <= Int(UInt32.max), count < Int(UInt32.max) else {
      throw refused("its file is too long")
    }
    var stream = z_stream()
    guard emeth_zlib_begin(&stream) == Z_OK else { throw refused("zlib has no memory for its file") }
    defer { inflateEnd(&stream) }
    var input = [UInt8](packed)
    var output = Data(count: count + 1)
    let status = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBytes { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.bindMemory(to: UInt8.self).baseAddress
        stream.avail_out = UInt32(target.count)
        return inflate(&stream, Z_FINISH)
      }
    }
    guard status == Z_STREAM_END else {
      throw refused("its file is not compressed as RFC 1951 says, or is longer than its directory tells")
    }
    return output.prefix(Int(stream.total_out))
  }

  private static func append(_ number: some FixedWidthInteger, to data: inout Data) {
    withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
  }

  /// Bytes of a stranger's archive: nothing outside is read.
  private struct Reader {
    let bytes: Data

    /// Where the record at the end begins, before a comment of at most 65,535 bytes.
    var end: Int? {
      var place = bytes.count - ZipArchive.endLength
      let first = max(0, place - 65_535)
      while place >= first, place >= 0 {
        if (try? number(place, 4)) == Int(ZipArchive.endMark) { return place }
        place -= 1
      }
      return nil
    }

    func bytes(_ place: Int, _ count: Int) throws(NetworkError) -> Data {
      guard place >= 0, count >= 0, place <= bytes.count, count <= bytes.count - place else {
        throw ZipArchive.refused("it is cut off")
      }
      return bytes[bytes.startIndex + place..<bytes.startIndex + place + count]
    }

    func number(_ place: Int, _ count: Int) throws(NetworkError) -> Int {
      try bytes(place, count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    func member(at central: Int, limit: Int) throws(NetworkError) -> Data {
      let (flags, method) = (try number(central + 8, 2), try number(central + 10, 2))
      guard flags & 1 == 0, method == 0 || method == 8 else {
        throw ZipArchive.refused(
          "its file is encrypted or compressed by method \(method), allowed are 0 and 8")
      }
      let (packed, size) = (try number(central + 20, 4), try number(central + 24, 4))
      guard size <= limit else {
        throw ZipArchive.refused("its file has \(size) bytes, allowed are \(limit)")
      }
      // No program packs a file into more than this.
      guard packed <= size + size / 1_000 + 1_024 else {
        throw ZipArchive.refused("its file has \(size) bytes, packed \(packed)")
      }
      let local = try number(central + 42, 4)
      guard try number(local, 4) == Int(ZipArchive.localMark) else {
        throw ZipArchive.refused("its file does not begin where the directory says")
      }
      let start = local + 30 + (try number(local + 26, 2)) + (try number(local + 28, 2))
      let raw = try bytes(start, packed)
      let data = method == 0 ? Data(raw) : try ZipArchive.decompressed(raw, count: size)
      guard data.count == size, Int(ZipArchive.checkSum(of: data)) == (try number(central + 16, 4)) else {
        throw ZipArchive.refused("its file is not the one that its directory tells of")
      }
      return data
    }
  }
}
