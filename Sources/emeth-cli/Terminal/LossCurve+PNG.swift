extension LossCurve {
  private enum Plot {
    static let width = 1520
    static let height = 840
    static let left = 140.0
    static let right = 40.0
    static let top = 100.0
    static let bottom = 110.0
    static let scale = 2
    static let text: PNGImage.Color = (0x33, 0x33, 0x33)
    static let grid: PNGImage.Color = (0xE4, 0xE4, 0xE4)
    static let axis: PNGImage.Color = (0x88, 0x88, 0x88)
    static let training: PNGImage.Color = (0x4A, 0x7A, 0xB5)
    static let validation: PNGImage.Color = (0xD9, 0x82, 0x2B)
  }

  /// The curve as a PNG picture: what ``svg()`` shows, for places that take no SVG.
  func png() -> [UInt8] {
    var image = PNGImage(width: Plot.width, height: Plot.height)
    let points = condensedTrain(to: 600)
    let (steps, losses) = axes(trainPoints: 600)
    let (width, height) = (Double(Plot.width), Double(Plot.height))
    func place(_ point: Point) -> (x: Double, y: Double) {
      (
        Plot.left + steps.position(of: point.step) * (width - Plot.left - Plot.right),
        height - Plot.bottom - losses.position(of: point.loss) * (height - Plot.top - Plot.bottom)
      )
    }
    let (left, right, bottom) = (Int(Plot.left), Int(width - Plot.right), Int(height - Plot.bottom))
    let half = PixelFont.height * Plot.scale / 2
    image.draw(title, x: left, y: 32, scale: Plot.scale + 1, Plot.text)
    for tick in losses.ticks {
      let y = Int(place(Point(step: steps.lower, loss: tick)).y)
      image.fill(x: left..<right, y: y - 1..<y + 1, Plot.grid)
      image.draw(
        losses.label(tick), x: left - 16, y: y - half, scale: Plot.scale, Plot.text, anchor: .end)
    }
    for tick in steps.ticks {
      let x = Int(place(Point(step: tick, loss: losses.lower)).x)
      image.fill(x: x - 1..<x + 1, y: bottom..<bottom + 8, Plot.axis)
      image.draw(steps.label(tick), x: x, y: bottom + 20, scale: Plot.scale, Plot.text, anchor: .middle)
    }
    image.fill(x: left..<right, y: bottom - 1..<bottom + 1, Plot.axis)
    image.draw(
      "optimizer steps", x: (left + right) / 2, y: bottom + 66, scale: Plot.scale, Plot.text, anchor: .middle)
    image.draw(
      "loss (nats per token)", x: 30, y: Plot.height / 2, scale: Plot.scale, Plot.text, anchor: .middle,
      isRising: true)
    image.polyline(points.map(place), width: 3, Plot.training)
    image.polyline(validation.map(place), width: 4, Plot.validation)
    for point in validation {
      let (x, y) = place(point)
      image.disc(x: x, y: y, radius: 7, Plot.validation)
    }
    drawLegend(on: &image)
    return image.encoded()
  }

  private func drawLegend(on image: inout PNGImage) {
    var offset = Plot.width - Int(Plot.right)
    let entries = [
      ("validation", Plot.validation, validation.isEmpty), ("training", Plot.training, train.isEmpty),
    ]
    for (name, color, isAbsent) in entries where !isAbsent {
      offset -= 170
      image.fill(x: offset - 30..<offset - 10, y: 38..<58, color)
      image.draw(name, x: offset, y: 41, scale: Plot.scale, Plot.text)
    }
  }
}
