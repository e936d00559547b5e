"""HealthImaging as a client sees it; boto3 lives here and nowhere else in the gateway."""
