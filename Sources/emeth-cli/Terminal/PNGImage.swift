/// A picture of coloured pixels that can be written as PNG (ISO 15948), 8 bits a channel, without any
/// library.
///
/// Lines are smoothed by how much of a pixel they cover; text is drawn with `PixelFont`.
struct PNGImage: Sendable {
  /// Red, green, blue.
  typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

  let width: Int
  let height: Int
  private var pixels: [UInt8]

  /// A picture of one colour.
  init(width: Int, height: Int, color: Color = (255, 255, 255)) {
    self.width = width
    self.height = height
    pixels = []
    pixels.reserveCapacity(3 * width * height)
    for _ in 0..<width * height { pixels += [color.red, color.green, color.blue] }
  }

  /// The colour of a pixel; x from the left, y from the top.
  subscript(x: Int, y: Int) -> Color {
    let index = 3 * (y * width + x)
    return (pixels[index], pixels[index + 1], pixels[index + 2])
  }

  /// Paints a pixel over by a part of 0 to 1; what lies outside is left out.
  mutating func paint(x: Int, y: Int, _ color: Color, cover: Double = 1) {
    guard (0..<width).contains(x), (0..<height).contains(y), cover > 0 else { return }
    let index = 3 * (y * width + x)
    let part = min(cover, 1)
    for (offset, value) in [color.red, color.green, color.blue].enumerated() {
      let old = Double(pixels[index + offset])
      pixels[index + offset] = UInt8((old + (Double(value) - old) * part).rounded())
    }
  }

  /// Fills a rectangle.
  mutating func fill(x: Range<Int>, y: Range<Int>, _ color: Color) {
    for row in y { for column in x { paint(x: column, y: row, color) } }
  }

  /// A disc about a point.
  mutating func disc(x: Double, y: Double, radius: Double, _ color: Color) {
    guard x.isFinite, y.isFinite else { return }
    let reach = Int(radius) + 2
    for row in (Int(y) - reach)...(Int(y) + reach) {
      for column in (Int(x) - reach)...(Int(x) + reach) {
        let (dx, dy) = (Double(column) + 0.5 - x, Double(row) + 0.5 - y)
        paint(x: column, y: row, color, cover: radius + 0.5 - (dx * dx + dy * dy).squareRoot())
      }
    }
  }

  /// Joins points by straight lines with round corners. Each pixel is painted once, so that corners don't
  /// darken.
  mutating func polyline(_ points: [(x: Double, y: Double)], width thickness: Double, _ color: Color) {
    var covers: [Int: Double] = [:]
    for (from, to) in zip(points, points.dropFirst()) {
      let (dx, dy) = (to.x - from.x, to.y - from.y)
      let square = max(dx * dx + dy * dy, 1e-12)
      let reach = thickness / 2 + 1
      let rows = Int(min(from.y, to.y) - reach)...Int(max(from.y, to.y) + reach)
      let columns = Int(min(from.x, to.x) - reach)...Int(max(from.x, to.x) + reach)
      for row in rows.clamped(to: 0...(height - 1)) {
        for column in columns.clamped(to: 0...(width - 1)) {
          let (px, py) = (Double(column) + 0.5 - from.x, Double(row) + 0.5 - from.y)
          let along = min(max((px * dx + py * dy) / square, 0), 1)
          let (ex, ey) = (px - along * dx, py - along * dy)
          let cover = min(thickness / 2 + 0.5 - (ex * ex + ey * ey).squareRoot(), 1)
          if cover > 0 { covers[row * width + column] = max(cover, covers[row * width + column] ?? 0) }
        }
      }
    }
    for (index, cover) in covers { paint(x: index % width, y: index / width, color, cover: cover) }
  }

  /// The file's bytes.
  func encoded() -> [UInt8] {
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    Self.append("IHDR", Self.bigEndian(width) + Self.bigEndian(height) + [8, 2, 0, 0, 0], to: &file)
    Self.append("IDAT", Deflate.zlib(filteredRows()), to: &file)
    Self.append("IEND", [], to: &file)
    return file
  }

  /// Each row less the one above it: rows that repeat are zeros.
  private func filteredRows() -> [UInt8] {
    let stride = 3 * width
    var rows: [UInt8] = []
    rows.reserveCapacity(height * (stride + 1))
    for row in 0..<height {
      rows.append(2)
      for index in row * stride..<(row + 1) * stride {
        rows.append(row == 0 ? pixels[index] : pixels[index] &- pixels[index - stride])
      }
    }
    return rows
  }

  private static func append(_ name: String, _ content: [UInt8], to file: inout [UInt8]) {
    let chunk = Array(name.utf8) + content
    file += bigEndian(content.count) + chunk + bigEndian(Int(checksum(chunk)))
  }

  private static func bigEndian(_ number: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// CRC-32 as PNG has it.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { value, byte in
      (0..<8).reduce(value ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }
}
