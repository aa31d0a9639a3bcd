import Foundation
import Testing

@testable import emeth_cli

@Suite struct PNGImageTests {
  private static let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

  /// Reads a PNG with Python's zlib and prints width, height and the SHA-256 of the unfiltered pixels.
  private static let reader = """
    import sys, zlib, struct, hashlib
    data = open(sys.argv[1], 'rb').read()
    assert data[:8] == bytes([137, 80, 78, 71, 13, 10, 26, 10])
    at, chunks = 8, []
    while at < len(data):
        size, = struct.unpack('>I', data[at:at + 4])
        name, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0]
        chunks.append((name, body)); at += 12 + size
    assert [name for name, _ in chunks] == [b'IHDR', b'IDAT', b'IEND']
    width, height, depth, kind, *rest = struct.unpack('>IIBBBBB', chunks[0][1])
    assert (depth, kind, rest) == (8, 2, [0, 0, 0])
    raw, pixels, above = zlib.decompress(chunks[1][1]), b'', bytes(3 * width)
    for row in range(height):
        line = raw[row * (3 * width + 1):(row + 1) * (3 * width + 1)]
        assert line[0] == 2
        above = bytes((a + b) % 256 for a, b in zip(line[1:], above)); pixels += above
    assert len(raw) == height * (3 * width + 1)
    print(width, height, hashlib.sha256(pixels).hexdigest())
    """

  @Test(.enabled(if: python != nil, "EMETH_PYTHON names no Python"), arguments: [1, 2, 9, 40, 301])
  func pythonReadsTheSamePixels(width: Int) throws {
    var image = PNGImage(width: width, height: 37, color: (250, 250, 250))
    var number: UInt64 = UInt64(width)
    // Noise, runs of every length, and figures that reach over the edge.
    for x in 0..<width {
      number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      image.paint(x: x, y: 3, (UInt8(number >> 56), UInt8(number >> 48 & 255), UInt8(number >> 40 & 255)))
    }
    image.polyline([(-5, 1), (Double(width) / 2, 30), (Double(width) + 9, 90)], width: 2.5, (200, 20, 20))
    image.disc(x: Double(width), y: 37, radius: 6, (0, 0, 255))
    image.draw("0123456789", x: 2, y: 20, scale: 1, (0, 0, 0))
    let scratch = try ScratchFolder()
    try Data(image.encoded()).write(to: scratch.url.appending(path: "picture.png"))
    var pixels: [UInt8] = []
    for y in 0..<37 {
      for x in 0..<width {
        let color = image[x, y]
        pixels += [color.red, color.green, color.blue]
      }
    }
    try Data(pixels).write(to: scratch.url.appending(path: "pixels"))
    try scratch.write(Self.reader, to: "read.py")
    let line = "'\(try #require(Self.python))' read.py picture.png; sha256sum < pixels | cut -d' ' -f1"
    let words = try Program.shell(line, in: scratch.url).output.split(whereSeparator: \.isWhitespace)
    try #require(words.count == 4)
    #expect(words[0] == "\(width)" && words[1] == "37" && words[2] == words[3])
  }

  @Test func shapesCoverWhatTheyShould() {
    var image = PNGImage(width: 20, height: 10)
    image.polyline([(0, 5), (20, 5)], width: 2, (0, 0, 0))
    for x in 0..<20 {
      #expect(image[x, 4] == (0, 0, 0) && image[x, 5] == (0, 0, 0))
      #expect(image[x, 2] == (255, 255, 255) && image[x, 7] == (255, 255, 255))
    }
    image.fill(x: -3..<2, y: 8..<99, (9, 8, 7))
    #expect(image[1, 9] == (9, 8, 7) && image[2, 9] == (255, 255, 255))
    image.disc(x: .nan, y: 3, radius: 2, (1, 1, 1))
  }

  @Test func everyLabelHasItsGlyphs() {
    for text in [
      "Loss", "optimizer steps", "loss (nats per token)", "training", "validation", "0123456789.-",
    ] {
      for character in text where character != " " {
        #expect(PixelFont.columns(of: character).contains { $0 != 0 }, "\(character)")
        #expect(PixelFont.columns(of: character).allSatisfy { $0 < 1 << 7 })
      }
    }
  }

  @Test func aCurveIsDrawnInItsColours() {
    var curve = LossCurve()
    #expect(!curve.png().isEmpty)
    for step in 0..<100 { curve.addTrain(step: step, loss: 5 / Double(step + 1)) }
    curve.addValidation(step: 0, loss: 5)
    curve.addValidation(step: 99, loss: 0.1)
    let picture = curve.png()
    #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count < 200_000)
    #expect(curve.png() == picture)
  }
}
